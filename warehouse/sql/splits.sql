-- Sessions -> splits. A session belongs where it starts; events of an earlier part at or after the next boundary go,
-- for a model fitted there would have seen them. Repeats for dwell are for training only. Each branch keeps the order
-- of the sessions table and the branches stand in order, so no sort is needed (on Spark: append ORDER BY).
SELECT {columns}, 'train' AS split
FROM sessions
WHERE session_start < {validation_start} AND timestamp < {validation_start}
UNION ALL
SELECT {columns}, 'validation' AS split
FROM sessions
WHERE session_start >= {validation_start} AND session_start < {test_start} AND timestamp < {test_start}
  AND coalesce(TRY_CAST(copy AS INT), 0) = 0
UNION ALL
SELECT {columns}, 'test' AS split
FROM sessions
WHERE session_start >= {test_start} AND coalesce(TRY_CAST(copy AS INT), 0) = 0
