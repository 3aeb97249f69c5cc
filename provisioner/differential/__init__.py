"""Learning with differential privacy: drawn rows stand in for the source."""
