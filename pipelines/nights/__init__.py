"""When things run: jobs, the schedule, sensors of failed runs."""
