"""Where raw parquet comes from: public logs, any log with a mapping, a synthetic shop."""
