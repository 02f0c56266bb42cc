-- The clicks of users with an event in the window, be it a repeat; a session that began before it is whole.
SELECT clicks.* FROM clicks SEMI JOIN (SELECT user_id FROM events WHERE timestamp >= {first}) AS active USING (user_id)
