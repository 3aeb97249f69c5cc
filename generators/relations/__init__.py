"""Foreign-key distributions: who owns whom, how many children, and which row is referenced."""
