-- The first items of the drawn users' lists, best first.
SELECT lists.user_id, lists.rank, lists.item_id, lists.score, lists.probability, lists.model, lists.context_length
FROM lists
SEMI JOIN drawn ON drawn.user_id = lists.user_id
WHERE lists.rank <= {n}
ORDER BY lists.user_id, lists.rank
