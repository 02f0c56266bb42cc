-- Of each part: events, items, items that train does not know, and events of those; train first.
WITH items_of AS (
  SELECT
    count(*) FILTER (WHERE split = 'train') AS train,
    count(*) FILTER (WHERE split = 'validation') AS validation,
    count(*) FILTER (WHERE split = 'test') AS test
  FROM splits
  GROUP BY item_id
)
SELECT
  coalesce(sum(train), 0) AS train_events,
  coalesce(sum(validation), 0) AS validation_events,
  coalesce(sum(test), 0) AS test_events,
  count(*) FILTER (WHERE train > 0) AS train_items,
  count(*) FILTER (WHERE validation > 0) AS validation_items,
  count(*) FILTER (WHERE test > 0) AS test_items,
  count(*) FILTER (WHERE validation > 0 AND train = 0) AS validation_unknown_items,
  count(*) FILTER (WHERE test > 0 AND train = 0) AS test_unknown_items,
  coalesce(sum(validation) FILTER (WHERE train = 0), 0) AS validation_unknown_events,
  coalesce(sum(test) FILTER (WHERE train = 0), 0) AS test_unknown_events
FROM items_of
