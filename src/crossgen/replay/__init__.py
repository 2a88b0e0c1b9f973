"""Finished runs made again from their scores: recorded steps, their replay, comparison, bundles, merging."""
