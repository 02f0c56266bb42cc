-- The clicks of sessions that start in the window.
SELECT * FROM clicks WHERE session_start >= {window_start}
