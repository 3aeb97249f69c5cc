"""What keeps a person's data on the production side."""
