-- The latest clicks of every user, of all sessions, in order.
WITH ranked AS (
  SELECT
    user_id,
    item_id,
    {times},
    row_number() OVER (PARTITION BY user_id ORDER BY {latest_first}) AS age
  FROM clicks_of_window
)
SELECT user_id, item_id, {times}
FROM ranked
WHERE age <= {max_events}
