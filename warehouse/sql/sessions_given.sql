-- View `events` -> clicks, each with the start of its session, where the log names the session of a user itself.
-- An event delivered twice counts once. The item before, clicked again in the same session, is a repeat.
-- next_time: when the session's next click came; NULL for its last one.
WITH numbered AS (
  SELECT
    {event_columns},
    session_id,
    min(timestamp) OVER (PARTITION BY user_id, session_id) AS session_start,
    lag(item_id) OVER w AS previous_item,
    lag(timestamp) OVER w AS previous_time
  FROM events
  WHERE session_id IS NOT NULL
  WINDOW w AS (PARTITION BY user_id, session_id ORDER BY {event_order})
),
clicks AS (
  SELECT {event_columns}, session_id, session_start
  FROM numbered
  WHERE previous_item IS NULL OR item_id <> previous_item OR ({keep_repeats} AND timestamp <> previous_time)
),
timed AS (
  SELECT
    {event_columns},
    session_id,
    session_start,
    lead(timestamp) OVER w AS next_time
  FROM clicks
  WINDOW w AS (PARTITION BY user_id, session_id ORDER BY timestamp, item_id)
)
SELECT {click_columns}
FROM timed
