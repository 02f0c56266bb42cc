"""Importers of public data sets into raw parquet."""
