-- Events cut off because their session belongs to an earlier part.
SELECT count(*)
FROM sessions
WHERE (session_start < {validation_start} AND timestamp >= {validation_start})
  OR (session_start >= {validation_start} AND session_start < {test_start} AND timestamp >= {test_start})
