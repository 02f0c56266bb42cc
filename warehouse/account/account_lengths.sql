-- How many sessions of the window have how many events.
SELECT length, count(*) AS sessions
FROM (SELECT count(*) AS length FROM sessions GROUP BY user_id, session_start) AS counted
GROUP BY length
ORDER BY length
