"""Torture of whole nights: kills at random moments, a data folder spoiled file by file, rivals for one day."""
