-- The sessions that are not a robot's and long enough to begin with.
SELECT user_id, session_start
FROM found_sessions
WHERE NOT is_robot AND events >= {min_length}
