"""How any source becomes raw parquet: a folder a day."""
