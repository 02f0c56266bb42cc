-- RSC15: an item's category is the one it was clicked in most often; "0" is none and "S" a special offer.
WITH counted AS (
  SELECT item_id, category, count(*) AS n FROM clicks WHERE item_id IS NOT NULL GROUP BY item_id, category
),
ranked AS (
  SELECT
    item_id,
    category,
    row_number() OVER (PARTITION BY item_id ORDER BY category IN ('0', 'S'), n DESC, category NULLS LAST) AS place
  FROM counted
)
SELECT item_id, CASE WHEN category NOT IN ('0', 'S') THEN category END AS category
FROM ranked
WHERE place = 1
ORDER BY item_id
