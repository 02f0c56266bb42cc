-- Rejected rows by their reason, the most frequent first.
SELECT reason, count(*) AS rows FROM refused GROUP BY reason ORDER BY rows DESC, reason
