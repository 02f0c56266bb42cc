-- The day's events: good rows of the wanted types, exact duplicates once.
SELECT DISTINCT {columns}
FROM checked
WHERE reason IS NULL AND ({all_types} OR event_type IN {event_types})
ORDER BY {order}
