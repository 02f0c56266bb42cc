-- The latest clicks of every user, of all sessions, in order.
WITH ranked AS (
  SELECT
    user_id,
    item_id,
    timestamp,
    row_number() OVER (PARTITION BY user_id ORDER BY timestamp DESC, item_id DESC) AS age
  FROM clicks_of_window
)
SELECT user_id, item_id
FROM ranked
WHERE age <= {max_events}
ORDER BY user_id, timestamp, item_id
