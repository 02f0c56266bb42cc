"""How any log becomes raw parquet: a folder of events a day, one file of items."""
