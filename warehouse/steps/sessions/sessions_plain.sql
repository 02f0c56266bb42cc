-- The sessions table: what is left of some users'.
SELECT {columns}
FROM inside
ANTI JOIN dropped_items USING (item_id)
ANTI JOIN dropped_sessions USING (user_id, session_start)
WHERE ({low} IS NULL OR user_id >= {low}) AND ({high} IS NULL OR user_id < {high})
