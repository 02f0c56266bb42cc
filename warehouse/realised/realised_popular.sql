-- The items with the most events in the days before the lists were made, best first; equal counts in order of item.
SELECT item_id, CAST(row_number() OVER (ORDER BY events DESC NULLS LAST, item_id NULLS LAST) AS INTEGER) AS rank
FROM (SELECT item_id, count(*) AS events FROM known WHERE timestamp >= {first} AND timestamp < {end} GROUP BY item_id) AS counted
ORDER BY events DESC NULLS LAST, item_id NULLS LAST
LIMIT {n}
