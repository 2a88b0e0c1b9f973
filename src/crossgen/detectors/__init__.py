"""Detectors: networks that turn an image into one logit, higher = more fake."""
