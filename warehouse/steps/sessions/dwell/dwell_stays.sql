-- Clicks with `left_at`, the time at which the user left the item: as measured, else the time of the next click; NULL
-- where unknown. A stay that is negative or longer than the limit is unknown, and marked absurd.
WITH timed AS (
  SELECT {columns}, next_time, TRY_CAST(dwell AS DOUBLE) AS dwell FROM inside
)
SELECT
  {columns},
  CASE
    WHEN dwell >= 0 AND dwell <= {limit_seconds} THEN timestamp + dwell * INTERVAL 1 SECOND
    WHEN dwell IS NULL AND next_time <= timestamp + {limit_seconds} * INTERVAL 1 SECOND THEN next_time
  END AS left_at,
  coalesce(dwell < 0 OR dwell > {limit_seconds},
    next_time > timestamp + {limit_seconds} * INTERVAL 1 SECOND, false) AS is_absurd
FROM timed
