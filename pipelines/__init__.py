"""Dagster orchestration of the nightly pipeline."""
