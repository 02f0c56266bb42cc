-- Of each kind of user who came: every item in their lists, and the highest place that it had.
SELECT 'all' AS everybody, scored.model_version, scored.kind, scored.context_length, lists.item_id, min(lists.rank) AS rank
FROM lists
JOIN scored ON scored.user_id = lists.user_id
GROUP BY scored.model_version, scored.kind, scored.context_length, lists.item_id
