-- RetailRocket: an item's category is its latest property `categoryid`.
WITH ranked AS (
  SELECT
    item_id,
    value AS category,
    row_number() OVER (PARTITION BY item_id ORDER BY timestamp DESC NULLS LAST, value) AS place
  FROM properties
  WHERE property = 'categoryid' AND item_id IS NOT NULL
)
SELECT item_id, category
FROM ranked
WHERE place = 1
ORDER BY item_id
