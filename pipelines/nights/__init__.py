"""When things run: jobs, the schedule, sensors."""
