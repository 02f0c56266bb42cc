-- Events of the window that name no session, and the sessions that are named and start in it.
SELECT
  (SELECT count(*) FROM events WHERE session_id IS NULL AND timestamp >= {window_start}) AS unnamed,
  (SELECT count(*) FROM (
    SELECT user_id, session_id FROM events WHERE session_id IS NOT NULL
    GROUP BY user_id, session_id HAVING min(timestamp) >= {window_start})) AS named
