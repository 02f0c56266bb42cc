-- How many distinct items stood among the first k of the lists of each group.
SELECT
  {by} AS name,
  count(DISTINCT item_id) FILTER (WHERE rank <= 5) AS items_5,
  count(DISTINCT item_id) FILTER (WHERE rank <= 10) AS items_10,
  count(DISTINCT item_id) FILTER (WHERE rank <= 20) AS items_20,
  count(DISTINCT item_id) FILTER (WHERE rank <= 100) AS items_100
FROM shown
GROUP BY name
