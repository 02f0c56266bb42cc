-- How many user ids and item ids are whole numbers beyond 64 bits with a sign.
SELECT
  count(*) FILTER (WHERE user_id IS NOT NULL AND TRY_CAST(user_id AS BIGINT) IS NULL) AS users,
  count(*) FILTER (WHERE item_id IS NOT NULL AND TRY_CAST(item_id AS BIGINT) IS NULL) AS items
FROM raw
