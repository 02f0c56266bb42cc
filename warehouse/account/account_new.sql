-- Of a day's events, how many are of an item, and how many of a user, without an event in the days before it.
SELECT
  count(*) FILTER (WHERE known_items.item_id IS NULL) AS new_items,
  count(*) FILTER (WHERE known_users.user_id IS NULL) AS new_users
FROM arrived
LEFT JOIN (SELECT DISTINCT item_id FROM earlier) AS known_items ON known_items.item_id = arrived.item_id
LEFT JOIN (SELECT DISTINCT user_id FROM earlier) AS known_users ON known_users.user_id = arrived.user_id
