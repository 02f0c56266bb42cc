-- Of the clicks that stay: how many have a known dwell, and how many an absurd one.
SELECT count(*) FILTER (WHERE left_at IS NOT NULL) AS known, count(*) FILTER (WHERE is_absurd) AS absurd
FROM judged
ANTI JOIN dropped_sessions USING (user_id, session_start)
ANTI JOIN dropped_items USING (item_id)
