-- The clicks of users with a click in the window; a session that began before it is whole.
SELECT clicks.* FROM clicks SEMI JOIN (SELECT user_id FROM clicks WHERE timestamp >= {first}) AS active USING (user_id)
