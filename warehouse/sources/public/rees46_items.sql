-- Rees46: an item as it was last seen.
WITH versions AS (
  SELECT item_id, category, brand, price, max(timestamp) AS last_seen
  FROM seen
  WHERE item_id IS NOT NULL
  GROUP BY item_id, category, brand, price
),
ranked AS (
  SELECT
    item_id,
    category,
    brand,
    TRY_CAST(price AS DOUBLE) AS price,
    row_number() OVER (
      PARTITION BY item_id
      ORDER BY last_seen DESC NULLS LAST, category NULLS LAST, brand NULLS LAST, price NULLS LAST
    ) AS place
  FROM versions
)
SELECT item_id, category, brand, price
FROM ranked
WHERE place = 1
ORDER BY item_id
