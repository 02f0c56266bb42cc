-- Popularity against exposure: the items in ten parts of equal size, the most popular ones first; of each part its items,
-- its events of the window, and its places among the first of the lists. An item in lists alone counts as least popular.
WITH
counted AS (SELECT item_id, count(*) AS events FROM arrived GROUP BY item_id),
placed AS (SELECT item_id, count(*) AS places FROM lists WHERE rank <= {k} GROUP BY item_id),
joined AS (
  SELECT
    coalesce(counted.item_id, placed.item_id) AS item_id,
    coalesce(counted.events, 0) AS events,
    coalesce(placed.places, 0) AS places
  FROM counted
  FULL JOIN placed ON placed.item_id = counted.item_id
),
parted AS (SELECT ntile(10) OVER (ORDER BY events DESC, item_id) AS tenth, events, places FROM joined)
SELECT tenth, count(*) AS items, CAST(sum(events) AS BIGINT) AS events, CAST(sum(places) AS BIGINT) AS places
FROM parted
GROUP BY tenth
ORDER BY tenth
