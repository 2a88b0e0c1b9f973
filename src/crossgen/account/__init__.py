"""A run's account for people: stages and the time left, and what to know of a job that failed."""
