-- Of the clicks in the table: how many have a known stay, and how many an absurd one.
SELECT count(*) FILTER (WHERE left_at IS NOT NULL) AS known, count(*) FILTER (WHERE is_absurd) AS absurd
FROM stays
ANTI JOIN dropped_sessions USING (user_id, session_start)
ANTI JOIN dropped_items USING (item_id)
