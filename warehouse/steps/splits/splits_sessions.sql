-- Of some users: the sessions of each part, train first.
SELECT
  count(*) FILTER (WHERE session_start < {validation_start}) AS train_sessions,
  count(*) FILTER (WHERE session_start >= {validation_start} AND session_start < {test_start}) AS validation_sessions,
  count(*) FILTER (WHERE session_start >= {test_start}) AS test_sessions
FROM (
  SELECT user_id, session_start
  FROM splits
  WHERE ({low} IS NULL OR user_id >= {low}) AND ({high} IS NULL OR user_id < {high})
  GROUP BY user_id, session_start
) AS sessions_of
