-- The catalogue beside the one before: items now and then, come and gone. One of the two may have whole numbers for ids,
-- the other text.
SELECT
  count(items.item_id) AS items,
  count(earlier.item_id) AS before,
  count(*) FILTER (WHERE earlier.item_id IS NULL) AS come,
  count(*) FILTER (WHERE items.item_id IS NULL) AS gone
FROM items
FULL JOIN earlier ON CAST(earlier.item_id AS VARCHAR) = CAST(items.item_id AS VARCHAR)
