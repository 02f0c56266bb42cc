-- The rows that cannot be events, as they were found.
SELECT
  user_text AS user_id,
  item_text AS item_id,
  timestamp_text AS timestamp,
  session_text AS session_id,
  event_type,
  reason,
  source_file
FROM checked
WHERE reason IS NOT NULL
