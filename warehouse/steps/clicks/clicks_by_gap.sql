-- View `events` -> clicks of some users, each with the start of its session; a pause over the gap ends a session.
-- An event delivered twice counts once. The item before, clicked again in the same session, is a repeat.
-- Times are microseconds since 1970, in the result too: whole numbers are computed with several times faster.
-- next_time: when the session's next click came; NULL for its last one.
WITH gaps AS (
  SELECT
    {event_columns},
    coalesce(micros > lag(micros) OVER w + {gap_microseconds}, true) AS is_start,
    lag(item_id) OVER w AS previous_item,
    lag(micros) OVER w AS previous_micros
  FROM events
  WHERE ({low} IS NULL OR user_id >= {low}) AND ({high} IS NULL OR user_id < {high})
  WINDOW w AS (PARTITION BY user_id ORDER BY {event_order})
),
clicks AS (
  SELECT {event_columns}, is_start
  FROM gaps
  WHERE is_start OR item_id <> previous_item OR ({keep_repeats} AND micros <> previous_micros)
),
timed AS (
  SELECT
    {event_columns},
    micros AS timestamp,
    max(CASE WHEN is_start THEN micros END)
      OVER (PARTITION BY user_id ORDER BY micros NULLS LAST, item_id NULLS LAST ROWS UNBOUNDED PRECEDING) AS session_start,
    CASE WHEN NOT lead(is_start) OVER w THEN lead(micros) OVER w END AS next_time
  FROM clicks
  WINDOW w AS (PARTITION BY user_id ORDER BY micros NULLS LAST, item_id NULLS LAST)
)
SELECT {click_columns}
FROM timed
