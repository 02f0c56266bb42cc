-- The last events of the drawn users, newest first.
SELECT user_id, item_id, timestamp
FROM (
  SELECT
    met.user_id, met.item_id, met.timestamp,
    row_number() OVER (PARTITION BY met.user_id ORDER BY met.timestamp DESC, met.item_id DESC) AS place
  FROM met
  SEMI JOIN drawn ON drawn.user_id = met.user_id
) AS placed
WHERE place <= {n}
ORDER BY user_id, place
