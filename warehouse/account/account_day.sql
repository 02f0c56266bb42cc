-- How much came in on a day. `late`: events of an earlier day.
SELECT
  count(*) AS events,
  count(DISTINCT user_id) AS users,
  count(DISTINCT item_id) AS items,
  count(*) FILTER (WHERE timestamp < {first}) AS late
FROM arrived
