-- The items with enough clicks in the kept sessions.
SELECT item_id
FROM clicks
SEMI JOIN kept_sessions USING (user_id, session_start)
GROUP BY item_id
HAVING count(*) >= {min_support}
