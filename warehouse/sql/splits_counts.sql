-- Events, sessions and items of each part.
WITH sizes AS (
  SELECT split, user_id, session_start, count(*) AS n FROM splits GROUP BY split, user_id, session_start
),
sessions AS (SELECT split, count(*) AS sessions, sum(n) AS events FROM sizes GROUP BY split),
pairs AS (SELECT split, item_id, count(*) AS n FROM splits GROUP BY split, item_id),
items AS (
  SELECT
    split,
    count(*) AS items,
    count(*) FILTER (WHERE train.item_id IS NULL) AS unknown_items,
    coalesce(sum(n) FILTER (WHERE train.item_id IS NULL), 0) AS unknown_events
  FROM pairs
  LEFT JOIN (SELECT item_id FROM pairs WHERE split = 'train') AS train ON pairs.item_id = train.item_id
  GROUP BY split
)
SELECT split, events, sessions, items, unknown_items, unknown_events
FROM sessions JOIN items USING (split)
