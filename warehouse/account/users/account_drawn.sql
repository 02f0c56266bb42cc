-- Some users with a list, drawn by a seed: those whose hashes come first.
SELECT user_id FROM lists WHERE rank = 1 ORDER BY md5(concat({seed}, CAST(user_id AS STRING))), user_id LIMIT {users}
