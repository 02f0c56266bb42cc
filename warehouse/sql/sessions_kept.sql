-- The sessions table: what is left of the clicks, in the order of its key.
SELECT user_id, session_start, item_id, timestamp
FROM clicks
SEMI JOIN kept_sessions USING (user_id, session_start)
SEMI JOIN kept_items USING (item_id)
ORDER BY user_id, session_start, timestamp, item_id
