-- The latest clicks of every user's last session, in order.
WITH ranked AS (
  SELECT
    user_id,
    item_id,
    timestamp,
    session_start = max(session_start) OVER (PARTITION BY user_id) AS is_last,
    row_number() OVER (PARTITION BY user_id ORDER BY timestamp DESC NULLS LAST, item_id DESC NULLS LAST) AS age
  FROM clicks_of_window
)
SELECT user_id, item_id, timestamp
FROM ranked
WHERE is_last AND age <= {max_events}
