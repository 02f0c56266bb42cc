-- The sessions table of some users, where a click weighs 1, and 1 more for every full threshold that the user stayed.
SELECT {columns}, CAST(1 + copy AS FLOAT) AS weight
FROM stays
ANTI JOIN dropped_sessions USING (user_id, session_start)
ANTI JOIN dropped_items USING (item_id)
JOIN range({max_copies}) AS copies(copy)
  ON (copy = 0 OR left_at >= timestamp + copy * {threshold_seconds} * INTERVAL 1 SECOND)
  AND (copy + 1 = {max_copies} OR left_at IS NULL
    OR left_at < timestamp + (copy + 1) * {threshold_seconds} * INTERVAL 1 SECOND)
WHERE ({low} IS NULL OR user_id >= {low}) AND ({high} IS NULL OR user_id < {high})
