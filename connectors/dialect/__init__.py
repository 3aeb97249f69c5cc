"""PostgreSQL's expressions in DuckDB's dialect, and what they say about columns."""
