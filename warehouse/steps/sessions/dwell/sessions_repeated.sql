-- The sessions table of some users, where an item is repeated for every full threshold that the user stayed on it.
SELECT {columns}, CAST(copy AS SMALLINT) AS copy
FROM stays
ANTI JOIN dropped_sessions USING (user_id, session_start)
ANTI JOIN dropped_items USING (item_id)
JOIN range({max_copies}) AS copies(copy)
  ON copy = 0 OR left_at >= timestamp + copy * {threshold_seconds} * INTERVAL 1 SECOND
WHERE ({low} IS NULL OR user_id >= {low}) AND ({high} IS NULL OR user_id < {high})
