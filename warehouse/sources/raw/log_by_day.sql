-- A log's rows in the order of their days, with what stands for a time and is none; rows without a believable time last.
SELECT
  {columns},
  CASE WHEN timestamp IS NULL THEN timestamp_unread END AS timestamp_unread,
  CASE WHEN timestamp >= {floor} AND timestamp < {ceiling} THEN CAST(timestamp AS DATE) END AS day
FROM log
ORDER BY day NULLS LAST, timestamp NULLS LAST, {order}, timestamp_unread NULLS LAST
