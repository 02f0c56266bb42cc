-- A log's rows in the order of its files.
SELECT * FROM log
