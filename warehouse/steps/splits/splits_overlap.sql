-- Of some users: sessions, and those of them that stand in two parts.
SELECT count(*) AS sessions, count(*) FILTER (WHERE first_part <> last_part) AS in_two_parts
FROM (
  SELECT min(split) AS first_part, max(split) AS last_part
  FROM splits
  WHERE ({low} IS NULL OR user_id >= {low}) AND ({high} IS NULL OR user_id < {high})
  GROUP BY user_id, session_start
) AS sessions_of
