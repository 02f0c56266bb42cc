-- Diginetica: products with their categories.
SELECT
  products.item_id,
  min(categories.category) AS category,
  min(products.price_log2) AS price_log2,
  min(products.name_tokens) AS name_tokens
FROM products
LEFT JOIN categories ON products.item_id = categories.item_id
WHERE products.item_id IS NOT NULL
GROUP BY products.item_id
ORDER BY products.item_id
