-- What stands in the sessions.
SELECT (SELECT count(*) FROM kept_sessions), (SELECT count(*) FROM kept_items),
  (SELECT count(DISTINCT user_id) FROM kept_sessions)
