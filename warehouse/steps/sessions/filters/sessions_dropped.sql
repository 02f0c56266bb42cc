-- The sessions that are a robot's, or too short from the start.
SELECT user_id, session_start FROM found_sessions WHERE is_robot OR events < {min_length}
