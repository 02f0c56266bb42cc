-- The sessions dropped so far.
SELECT user_id, session_start FROM dropped_sessions
UNION ALL
SELECT user_id, session_start FROM falling_sessions
