-- The sessions table: what is left of the clicks, in the order of its key.
SELECT user_id, session_start, item_id, timestamp
FROM inside
ANTI JOIN dropped_items USING (item_id)
ANTI JOIN dropped_sessions USING (user_id, session_start)
ORDER BY user_id, session_start, timestamp, item_id
