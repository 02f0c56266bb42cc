-- What a night's lists are like as a whole.
SELECT
  count(*) FILTER (WHERE rank = 1) AS users,
  avg(score) AS score,
  stddev_samp(score) AS score_deviation,
  avg(probability) FILTER (WHERE rank = 1) AS first_probability,
  avg(context_length) FILTER (WHERE rank = 1) AS context_length
FROM lists
