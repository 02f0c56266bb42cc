-- What stands in a day's events.
SELECT count(*) FILTER (WHERE timestamp < {day_start}) AS late, min(timestamp) AS first, max(timestamp) AS last
FROM events
