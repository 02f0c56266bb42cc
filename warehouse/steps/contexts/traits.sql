-- Of each item its category as text, and whether its first day is {first} or later.
SELECT item_id, CAST(category AS STRING) AS category, coalesce(CAST(released AS DATE) >= {first}, false) AS new
FROM items
