-- The sessions, items and users that are left.
SELECT
  (SELECT count(*) FROM found_sessions ANTI JOIN dropped_sessions USING (user_id, session_start)) AS sessions,
  (SELECT count(*) FROM counted_items ANTI JOIN dropped_items USING (item_id)) AS items,
  (SELECT count(DISTINCT user_id)
    FROM found_sessions ANTI JOIN dropped_sessions USING (user_id, session_start)) AS users
