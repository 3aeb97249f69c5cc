"""The database products that are known, each by the name of the folder that knows it."""

import pkgutil
from pathlib import Path

_ENGINES = Path(__file__).parent / "engines"


def products() -> list[str]:
    """All that are known."""
    return sorted(module.name for module in pkgutil.iter_modules([str(_ENGINES)]))


def product_of(url: str) -> str:
    """`postgresql` for `postgresql+psycopg://...`, and for `postgres://...`; known or not."""
    dialect = url.partition(":")[0].partition("+")[0]
    return {"postgres": "postgresql"}.get(dialect, dialect)
