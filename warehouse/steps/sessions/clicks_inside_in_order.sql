-- The clicks of sessions that start in the window, each with a sequence: the last one where it has none.
SELECT {columns}, coalesce(sequence, {last}) AS sequence FROM clicks WHERE session_start >= {window_start}
