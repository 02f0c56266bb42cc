-- Sessions and events of each part of a split.
SELECT split, count(*) AS sessions, CAST(sum(events) AS BIGINT) AS events
FROM (SELECT split, count(*) AS events FROM splits GROUP BY split, user_id, session_start) AS counted
GROUP BY split
