"""crossgen: an unbiased cross-generator benchmark for detectors of AI-generated images."""

__version__ = "0.1.0"
