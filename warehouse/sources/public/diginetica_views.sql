-- Diginetica: a day, and milliseconds since the session's first query.
SELECT
  session_id AS user_id,
  item_id,
  day + timeframe * INTERVAL 1 MILLISECOND AS timestamp,
  session_id,
  nullif(concat_ws(' + ', day_found, timeframe_found), '') AS timestamp_unread
FROM lines
