"""Traces that a generator leaves in the frequencies of its images: averages over a pool, without any network."""
