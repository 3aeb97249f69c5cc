"""Loading shards side by side: here, in processes of this machine, or on a Ray cluster."""
