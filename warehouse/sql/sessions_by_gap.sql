-- View `events` -> clicks, each with the start of its session; a pause longer than the gap ends a session.
-- An event delivered twice counts once. The item before, clicked again in the same session, is a repeat.
-- next_time: when the session's next click came; NULL for its last one.
WITH gaps AS (
  SELECT
    {event_columns},
    coalesce(timestamp > lag(timestamp) OVER w + INTERVAL {gap_microseconds} MICROSECOND, true) AS is_start,
    lag(item_id) OVER w AS previous_item,
    lag(timestamp) OVER w AS previous_time
  FROM events
  WINDOW w AS (PARTITION BY user_id ORDER BY {event_order})
),
clicks AS (
  SELECT {event_columns}, is_start
  FROM gaps
  WHERE is_start OR item_id <> previous_item OR ({keep_repeats} AND timestamp <> previous_time)
),
timed AS (
  SELECT
    {event_columns},
    max(CASE WHEN is_start THEN timestamp END)
      OVER (PARTITION BY user_id ORDER BY timestamp, item_id ROWS UNBOUNDED PRECEDING) AS session_start,
    CASE WHEN NOT lead(is_start) OVER w THEN lead(timestamp) OVER w END AS next_time
  FROM clicks
  WINDOW w AS (PARTITION BY user_id ORDER BY timestamp, item_id)
)
SELECT {click_columns}
FROM timed
