"""MLflow: runs, the model registry."""
