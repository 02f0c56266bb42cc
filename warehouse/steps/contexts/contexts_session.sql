-- The latest clicks of every user's last session, in order.
WITH ranked AS (
  SELECT
    user_id,
    item_id,
    {times},
    session_start = max(session_start) OVER (PARTITION BY user_id) AS is_last,
    row_number() OVER (PARTITION BY user_id ORDER BY {latest_first}) AS age
  FROM clicks_of_window
)
SELECT user_id, item_id, {times}
FROM ranked
WHERE is_last AND age <= {max_events}
