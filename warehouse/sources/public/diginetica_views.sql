-- Diginetica: a day, and milliseconds since the session's first query.
SELECT session_id AS user_id, item_id, day + timeframe * INTERVAL 1 MILLISECOND AS timestamp, session_id
FROM lines
