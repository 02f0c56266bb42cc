-- How many raw rows there are of each reason, and among the good ones of each fate.
SELECT
  reason,
  count(*) AS n,
  count(*) FILTER (WHERE {all_types} OR event_type IN {event_types}) AS wanted
FROM checked
GROUP BY reason
ORDER BY n DESC, reason
