-- The latest clicks of every user, of all sessions, in order.
WITH ranked AS (
  SELECT
    user_id,
    item_id,
    timestamp,
    row_number() OVER (PARTITION BY user_id ORDER BY timestamp DESC NULLS LAST, item_id DESC NULLS LAST) AS age
  FROM clicks_of_window
)
SELECT user_id, item_id, timestamp
FROM ranked
WHERE age <= {max_events}
