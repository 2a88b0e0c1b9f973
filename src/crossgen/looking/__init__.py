"""Looking into a detector: where it looks, how it lays images out, and how far JPEG moves them."""
