-- Every raw row with the first reason that keeps it from being an event; NULL where nothing does.
-- View `raw`: user_id, item_id and session_id as whole numbers or text, NULL where they can be neither, and each as text
-- and with its nulls told apart; sequence as a whole number; event_type as found; dwell as a number, NULL where it is
-- none; timestamp read, timestamp_text as found, timestamp_unread as an import found what it could not read.
SELECT
  TRY_CAST(user_id AS {user_type}) AS user_id,
  TRY_CAST(item_id AS {item_type}) AS item_id,
  timestamp,
  TRY_CAST(sequence AS BIGINT) AS sequence,
  -- An empty text names no session: writers that quote every field leave one for a missing value.
  CASE WHEN session_is_null OR ({session_is_text} AND CAST(session_id AS STRING) = '') THEN NULL
    ELSE TRY_CAST(session_id AS {session_type}) END AS session_id,
  CAST(event_type AS STRING) AS event_type,
  TRY_CAST(dwell AS DOUBLE) AS dwell,
  CASE
    WHEN user_is_null THEN 'user_id is null'
    WHEN item_is_null THEN 'item_id is null'
    WHEN {user_is_text} AND CAST(user_id AS STRING) = '' THEN 'user_id is empty'
    WHEN {item_is_text} AND CAST(item_id AS STRING) = '' THEN 'item_id is empty'
    WHEN {user_is_text} AND length(CAST(user_id AS STRING)) > {max_id_length} THEN 'user_id is too long'
    WHEN {item_is_text} AND length(CAST(item_id AS STRING)) > {max_id_length} THEN 'item_id is too long'
    WHEN {user_is_text} AND user_id IS NULL THEN 'user_id is neither text nor an exact whole number'
    WHEN {item_is_text} AND item_id IS NULL THEN 'item_id is neither text nor an exact whole number'
    WHEN TRY_CAST(user_id AS {user_type}) IS NULL THEN 'user_id is not a whole number of 64 bits'
    WHEN TRY_CAST(item_id AS {item_type}) IS NULL THEN 'item_id is not a whole number of 64 bits'
    WHEN NOT session_is_null AND TRY_CAST(session_id AS {session_type}) IS NULL
      THEN 'session_id is neither text nor a whole number of 64 bits'
    WHEN NOT sequence_is_null AND TRY_CAST(sequence AS BIGINT) IS NULL
      THEN 'sequence is not a whole number of 64 bits'
    WHEN timestamp_is_null AND timestamp_unread IS NULL THEN 'timestamp is null'
    WHEN timestamp IS NULL THEN 'timestamp is unreadable'
    WHEN timestamp < {floor} THEN 'timestamp is before the floor'
    WHEN timestamp >= {day_end} THEN 'timestamp is in the future of the night'
  END AS reason,
  user_text,
  item_text,
  coalesce(timestamp_text, timestamp_unread) AS timestamp_text,
  session_text,
  source_file
FROM raw
