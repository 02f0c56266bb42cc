-- Half the sum of the differences between the items' shares of the events of two days: 0 the same mix, 1 no item in common.
WITH
now AS (SELECT item_id, count(*) / (SELECT count(*) FROM arrived) AS share FROM arrived GROUP BY item_id),
past AS (SELECT item_id, count(*) / (SELECT count(*) FROM before) AS share FROM before GROUP BY item_id)
SELECT 0.5 * sum(abs(coalesce(now.share, 0) - coalesce(past.share, 0))) FROM now FULL JOIN past ON now.item_id = past.item_id
