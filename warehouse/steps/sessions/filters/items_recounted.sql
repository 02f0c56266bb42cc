-- Every item's clicks less those in the sessions that have just fallen.
WITH losses AS (
  SELECT item_id, count(*) AS lost
  FROM inside
  SEMI JOIN falling_sessions USING (user_id, session_start)
  GROUP BY item_id
)
SELECT item_id, events - coalesce(lost, 0) AS events
FROM counted_items
LEFT JOIN losses USING (item_id)
