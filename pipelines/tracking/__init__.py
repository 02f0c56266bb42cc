"""MLflow: runs, and the model registry with its aliases."""
