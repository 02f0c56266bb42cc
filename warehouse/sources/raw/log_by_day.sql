-- A log's rows in the order of their days; rows without a believable time last.
SELECT {columns}, CASE WHEN timestamp >= {floor} AND timestamp < {ceiling} THEN CAST(timestamp AS DATE) END AS day
FROM log
ORDER BY day NULLS LAST, timestamp NULLS LAST, {order}
