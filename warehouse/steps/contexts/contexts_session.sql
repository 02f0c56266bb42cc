-- The latest clicks of every user's last session, in order. Given sessions may overlap: other clicks count for nothing.
WITH marked AS (
  SELECT
    user_id,
    item_id,
    {times},
    session_start = max(session_start) OVER (PARTITION BY user_id) AS is_last
  FROM clicks_of_window
),
ranked AS (
  SELECT user_id, item_id, {times}, row_number() OVER (PARTITION BY user_id ORDER BY {latest_first}) AS age
  FROM marked
  WHERE is_last
)
SELECT user_id, item_id, {times}
FROM ranked
WHERE age <= {max_events}
