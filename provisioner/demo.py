"""The whole tour: an invented production database, learned, provisioned, verified, compared."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from connectors.embedded import EmbeddedServer, embedded_server
from connectors.engines import Reader, open_source, open_target
from connectors.engines.postgresql.seed import create_database
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.airline.build import build_airline
from provisioner.carrying import Carrying
from provisioner.events import Listener, StageFinished, StageStarted, Stated, silent
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.sides import PRODUCTION, SYNTHETIC, Compared, Shown, Stage, Tour
from provisioner.verify import verify

_ROWS_SHOWN = 3
_PUBLIC = frozenset({TableName("airline", "airlines"), TableName("airline", "airports")})
"""Codes that anybody may know: these tables travel as they are, as in mode `copy`."""
_SHOWN = {
    "passengers": (
        "first_name",
        "last_name",
        "email",
        "phone",
        "date_of_birth",
        "passport_number",
        "city",
        "country",
    ),
    "bookings": ("reference", "status", "channel", "booked_at", "total_price", "extras"),
}

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Outing:
    """What the tour is made of.

    Attributes:
        scale: factor on passengers and what belongs to them, in the synthetic database.
        passengers: how many the production database has.
        flights: how many of the real flights it has; None for all 336,776.
        model: the file to write.
        seed: another seed makes other synthetic rows.
    """

    scale: float = 1.0
    passengers: int = 20_000
    flights: int | None = None
    model: Path = Path("demo.model")
    seed: int = 0


@contextmanager
def demo(outing: Outing, listen: Listener = silent) -> Iterator[tuple[Tour, EmbeddedServer]]:
    """Takes the tour on an embedded server, which runs until the context ends.

    Raises:
        MissingTool: there are no server binaries.
        ConnectorError: the server does not start, or refuses something.
    """
    listen(Stated("starting an embedded PostgreSQL"))
    with embedded_server() as server:
        for name in (PRODUCTION, SYNTHETIC):
            create_database(server.url(), name)
        yield tour(server.url(PRODUCTION), server.url(SYNTHETIC), outing, listen), server


def tour(production: str, synthetic: str, outing: Outing, listen: Listener = silent) -> Tour:
    """Builds the airline in one empty database and provisions another one from its model.

    Args:
        production: URL of an empty database.
        synthetic: URL of another one.
        outing: sizes, seed and the file.
        listen: told of everything that happens.
    """
    stages: list[Stage] = []
    _, built = _timed(lambda: _build(production, outing, listen))
    model, learned = _timed(lambda: _learn(production, outing, listen))
    rows = sum(table.rows.value for table in model.tables.values())
    stages += [Stage("build", rows, built), Stage("learn", rows, learned)]
    planned = plan(model, fingerprint(outing.model), Request(outing.scale, outing.seed))
    with open_target(synthetic) as target:
        loaded, seconds = _timed(lambda: load(model, planned, target, listen))
        stages.append(Stage("provision", loaded.rows, seconds))
        report, seconds = _timed(lambda: verify(model, target, listen))
        stages.append(Stage("verify", sum(t.rows for t in report.tables), seconds))
    found = {t.table: t.rows for t in report.tables}
    counts = tuple(
        Compared(str(name), table.rows.value, found.get(str(name), 0))
        for name, table in model.tables.items()
    )
    shown = _shown(model, production, synthetic)
    return Tour(tuple(stages), counts, shown, report, outing.model)


def _timed(step: Callable[[], Answer]) -> tuple[Answer, float]:
    """What a step answers, and its seconds."""
    began = time.monotonic()
    answer = step()
    return answer, time.monotonic() - began


def _build(url: str, outing: Outing, listen: Listener) -> None:
    began = time.monotonic()
    listen(Stated("building an airline: real flights of 2013, invented people"))
    listen(StageStarted("build", 1, "database"))
    build_airline(url, outing.passengers, outing.flights)
    listen(StageFinished("build", 1, time.monotonic() - began))


def _learn(url: str, outing: Outing, listen: Listener) -> DatabaseModel:
    """Learns, writes the file and reads it back: the file is all that the other side gets."""
    with open_source(url) as source:
        learning = Learning(seed=outing.seed, carrying=Carrying(_PUBLIC))
        write_archive(learn(source, learning, listen), outing.model)
    return read_archive(outing.model)


def _shown(model: DatabaseModel, production: str, synthetic: str) -> tuple[Shown, ...]:
    with open_source(production) as left, open_source(synthetic) as right:
        return tuple(
            Shown(name, columns, *(_rows(side, model, name, columns) for side in (left, right)))
            for name, columns in _SHOWN.items()
        )


def _rows(
    side: Reader, model: DatabaseModel, name: str, columns: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    table = model.schema.table(TableName("airline", name))
    rows = [row for batch in side.read(table, _ROWS_SHOWN) for row in batch.to_pylist()]
    return tuple(tuple(_text(row[c]) for c in columns) for row in rows)


def _text(value: object) -> str:
    return "" if value is None else str(value)
