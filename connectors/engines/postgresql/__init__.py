"""PostgreSQL: its catalog, its types, its DDL, its binary COPY."""
