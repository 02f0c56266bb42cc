-- Every item's clicks outside dropped sessions.
SELECT item_id, count(*) AS events
FROM inside
ANTI JOIN dropped_sessions USING (user_id, session_start)
GROUP BY item_id
