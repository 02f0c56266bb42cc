-- The sessions that the dropped items make too short.
WITH losses AS (
  SELECT user_id, session_start, count(*) AS lost
  FROM inside
  SEMI JOIN dropped_items USING (item_id)
  GROUP BY user_id, session_start
)
SELECT user_id, session_start
FROM found_sessions
JOIN losses USING (user_id, session_start)
ANTI JOIN dropped_sessions USING (user_id, session_start)
WHERE events - lost < {min_length}
