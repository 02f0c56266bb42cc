-- A feed's rows in the order of its files.
SELECT * FROM feed
