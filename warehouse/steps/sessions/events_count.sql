-- How many events of the view have a time from `first` on.
SELECT count(*) FROM events WHERE timestamp >= {first}
