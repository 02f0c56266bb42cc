-- Events of training that are as late as the first held-out session.
SELECT count(*)
FROM splits
WHERE split = 'train' AND timestamp >= (SELECT min(session_start) FROM splits WHERE split <> 'train')
