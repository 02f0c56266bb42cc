-- The earliest and the latest time of a log, as it was read; NULL where no time can be read.
SELECT MIN(timestamp) AS first, MAX(timestamp) AS last
FROM log
