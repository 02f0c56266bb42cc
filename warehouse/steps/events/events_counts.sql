-- Of each reason (NULL: none): how many raw rows there are, and how many are of a wanted type.
SELECT
  reason,
  count(*) AS n,
  count(*) FILTER (WHERE {all_types} OR event_type IN {event_types}) AS wanted
FROM checked
GROUP BY reason
ORDER BY n DESC NULLS LAST, reason NULLS LAST
