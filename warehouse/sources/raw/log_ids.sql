-- How many user ids and item ids are there and are not the whole numbers that they should be.
SELECT
  count(*) FILTER (WHERE user_id IS NULL AND user_id_found IS NOT NULL) AS users,
  count(*) FILTER (WHERE item_id IS NULL AND item_id_found IS NOT NULL) AS items
FROM ids
