-- Every session of some users that starts in the window, with what makes it a robot's.
-- A session shorter than a minute counts as one minute long.
SELECT
  user_id,
  session_start,
  count(*) AS events,
  ({max_length} > 0 AND count(*) > {max_length})
    OR ({max_rate} > 0 AND count(*) > {max_rate}
      AND max(timestamp) < session_start + (count(*) / {rate_or_one}) * INTERVAL 1 MINUTE) AS is_robot
FROM inside
WHERE ({low} IS NULL OR user_id >= {low}) AND ({high} IS NULL OR user_id < {high})
GROUP BY user_id, session_start
