-- The earliest and the latest time of a log, as it was read, NULL where no time can be read; and some text that is none.
SELECT
  MIN(timestamp) AS first,
  MAX(timestamp) AS last,
  MIN(timestamp_unread) FILTER (WHERE timestamp IS NULL) AS unread
FROM log
