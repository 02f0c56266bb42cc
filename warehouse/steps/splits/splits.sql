-- One part of the splits. A session belongs where it starts. Its events at or after the next boundary are left out: a
-- model fitted there could not have seen them. Repeats for dwell are for training only.
-- The rows come in the order of the sessions table.
SELECT {columns}, {part} AS split
FROM sessions
WHERE ({start} IS NULL OR session_start >= {start})
  AND ({end} IS NULL OR (session_start < {end} AND timestamp < {end}))
  AND ({with_repeats} OR coalesce(TRY_CAST(copy AS INT), 0) = 0)
