"""The demo's production-like database: real flights, invented people who book and pay for them."""
