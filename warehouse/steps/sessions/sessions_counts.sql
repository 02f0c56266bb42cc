-- What the window's sessions are, before and after the filters.
SELECT
  count(*) AS sessions,
  coalesce(sum(events), 0) AS events,
  count(*) FILTER (WHERE is_robot) AS robots,
  coalesce(sum(events) FILTER (WHERE is_robot), 0) AS robot_events
FROM found_sessions
