-- View `events` -> clicks of some users, each with the start of its session, where the log names the session itself.
-- A user's events that name no session are left out, or with keep_unnamed one session of their own.
-- An event delivered twice counts once. The item before, clicked again in the same session, is a repeat.
-- Events of one time come in their sequence, where there is one, else in the order of their items.
-- Times are microseconds since 1970, in the result too: whole numbers are computed with several times faster.
-- next_time: when the session's next click came; NULL for its last one.
WITH numbered AS (
  SELECT
    {event_columns},
    session_id,
    min(micros) OVER (PARTITION BY user_id, session_id) AS session_start,
    lag(item_id) OVER w AS previous_item,
    lag(micros) OVER w AS previous_micros
  FROM events
  WHERE ({keep_unnamed} OR session_id IS NOT NULL)
    AND ({low} IS NULL OR user_id >= {low}) AND ({high} IS NULL OR user_id < {high})
  WINDOW w AS (PARTITION BY user_id, session_id ORDER BY {event_order})
),
clicks AS (
  SELECT {event_columns}, session_id, session_start
  FROM numbered
  WHERE previous_item IS NULL OR item_id <> previous_item OR ({keep_repeats} AND micros <> previous_micros)
),
timed AS (
  SELECT
    {event_columns},
    session_id,
    session_start,
    micros AS timestamp,
    lead(micros) OVER w AS next_time
  FROM clicks
  WINDOW w AS (PARTITION BY user_id, session_id ORDER BY {event_order})
)
SELECT {click_columns}
FROM timed
