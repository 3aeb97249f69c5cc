"""PostgreSQL, as the rest of the product opens it."""

from connectors.engines.postgresql.exchange import beside, exchange
from connectors.engines.postgresql.facts import server_facts
from connectors.engines.postgresql.snapshot import snapshot as open_source
from connectors.engines.postgresql.target import filling as open_target
from connectors.engines.postgresql.target import joining as open_writer

__all__ = ["beside", "exchange", "open_source", "open_target", "open_writer", "server_facts"]
