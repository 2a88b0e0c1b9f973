"""What others have published: their numbers with sources, how their tables are laid out, and by which protocol."""
