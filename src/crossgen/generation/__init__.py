"""Generation: fakes that text-to-image pipelines of the diffusers library make of the names of classes."""
