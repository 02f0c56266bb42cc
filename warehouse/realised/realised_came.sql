-- Who met what on the day, each pair once.
SELECT DISTINCT user_id, item_id FROM arrived WHERE timestamp >= {first} AND timestamp < {end}
