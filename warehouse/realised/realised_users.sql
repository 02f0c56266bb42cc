-- Of each user who came on the day and had a list: what the list was like, how many items the user met, and where the
-- first of them stood. `hits_k`: items met among the first k; `best`: the first one's rank, NULL where none was listed.
-- `popular_*`: the same of the popular items. One row a user.
WITH
listed AS (
  SELECT user_id, model, model_version, context_length FROM lists WHERE rank = 1
),
ranked AS (
  SELECT came.user_id, came.item_id, lists.rank AS rank, popular.rank AS popular
  FROM came
  LEFT JOIN lists ON lists.user_id = came.user_id AND lists.item_id = came.item_id
  LEFT JOIN popular ON popular.item_id = came.item_id
)
SELECT
  ranked.user_id,
  coalesce(CAST(any_value(listed.model_version) AS STRING), 'none') AS model_version,
  CASE WHEN any_value(listed.model) = {fallback} THEN 'fallback' ELSE 'model' END AS kind,
  CASE
    WHEN any_value(listed.context_length) >= 11 THEN '11+'
    WHEN any_value(listed.context_length) >= 6 THEN '6-10'
    WHEN any_value(listed.context_length) >= 3 THEN '3-5'
    ELSE CAST(any_value(listed.context_length) AS STRING)
  END AS context_length,
  count(*) AS items,
  count(*) FILTER (WHERE rank <= 5) AS hits_5,
  count(*) FILTER (WHERE rank <= 10) AS hits_10,
  count(*) FILTER (WHERE rank <= 20) AS hits_20,
  count(*) FILTER (WHERE rank <= 100) AS hits_100,
  min(rank) AS best,
  count(*) FILTER (WHERE popular <= 5) AS popular_hits_5,
  count(*) FILTER (WHERE popular <= 10) AS popular_hits_10,
  count(*) FILTER (WHERE popular <= 20) AS popular_hits_20,
  count(*) FILTER (WHERE popular <= 100) AS popular_hits_100,
  min(popular) AS popular_best
FROM ranked
JOIN listed ON listed.user_id = ranked.user_id
GROUP BY ranked.user_id
