-- Whether each item's first day is {first} or later, and its categories as text.
SELECT coalesce(CAST(released AS DATE) >= {first}, false) AS new, {categories}
FROM items
