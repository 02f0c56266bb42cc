-- The sessions that are people's and long enough, as far as the kept items go.
SELECT user_id, session_start
FROM clicks
SEMI JOIN kept_sessions USING (user_id, session_start)
SEMI JOIN kept_items USING (item_id)
GROUP BY user_id, session_start
HAVING count(*) >= {min_length}
