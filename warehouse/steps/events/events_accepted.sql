-- The day's events: good rows of the wanted types, exact duplicates once. They are numbered rather than DISTINCT,
-- because the rows then come out in sorted runs, which makes the sort that follows cheaper.
SELECT {columns}
FROM checked
WHERE reason IS NULL AND ({all_types} OR event_type IN {event_types})
QUALIFY row_number() OVER (PARTITION BY {columns} ORDER BY user_id NULLS LAST) = 1
