-- The last events of the drawn users, newest first; those of one time in the order of sessions, by sequence and item.
SELECT user_id, item_id, timestamp
FROM (
  SELECT
    met.user_id, met.item_id, met.timestamp,
    row_number() OVER (PARTITION BY met.user_id ORDER BY {order}) AS place
  FROM met
  SEMI JOIN drawn ON drawn.user_id = met.user_id
) AS placed
WHERE place <= {n}
ORDER BY user_id, place
