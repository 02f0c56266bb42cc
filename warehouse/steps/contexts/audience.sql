-- How many users have an event in the window.
SELECT count(DISTINCT user_id) FROM arrived WHERE timestamp >= {first} AND timestamp < {end}
