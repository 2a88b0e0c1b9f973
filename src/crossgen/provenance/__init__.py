"""Where a run's numbers come from: its card, for people and programs."""
