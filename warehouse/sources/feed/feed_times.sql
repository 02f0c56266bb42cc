-- What the clock of a log was read as: the earliest and the latest time, none where no row has one.
SELECT MIN(timestamp) AS first, MAX(timestamp) AS last
FROM feed
