-- Clicks inside the window whose session began before it.
SELECT count(*) FROM clicks WHERE timestamp >= {window_start} AND session_start < {window_start}
