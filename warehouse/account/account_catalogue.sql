-- The catalogue beside the one before: items now and then, come and gone.
SELECT
  count(items.item_id) AS items,
  count(earlier.item_id) AS before,
  count(*) FILTER (WHERE earlier.item_id IS NULL) AS come,
  count(*) FILTER (WHERE items.item_id IS NULL) AS gone
FROM items
FULL JOIN earlier ON earlier.item_id = items.item_id
