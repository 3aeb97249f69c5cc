"""Exports a whole database as a dataset of the judge, split by entity into two halves.

`python -m benchmarks.split SOURCE_URL OUT` writes OUT/{train,holdout}/TABLE.csv and
OUT/metadata.json (see `benchmarks.dataset`), and prints what was split as JSON. The roots are
the tables in `--roots`; else the product's privacy units, those with most rows below them first,
as long as no more than a twentieth of the rows reached belong to units of different halves and
so are left out; where there are no units, every row that nothing references is an entity of its
own. `--hubs` names tables whose rows serve entities of both halves (such as staff): these rows
and those above them are in both.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.dataset import Exported, exported, metadata, write
from benchmarks.halves import (
    BOTH,
    HOLDOUT,
    TRAIN,
    Walk,
    assign,
    counts,
    dangling,
    forget,
    keep,
    walk,
)
from connectors.engines import open_source
from generators.privacy.units import unit_paths

_MOST_DROPPED = 0.05


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset written to a folder.

    Attributes:
        tables: how each table is written, to write another database of the same schema alike.
        split: roots, hubs, rows and integrity, as metadata.json tells them under "split".
    """

    tables: dict[str, Exported]
    split: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cut:
    """The tables that entities and the rows of both halves are taken from; no roots: find them."""

    roots: tuple[str, ...] = ()
    hubs: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.split", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--roots", type=_names, default=())
    parser.add_argument("--hubs", type=_names, default=())
    options = parser.parse_args(arguments)
    done = split(options.url, options.out, Cut(options.roots, options.hubs))
    print(json.dumps(done.split, indent=1))


def split(url: str, out: Path, cut: Cut, shrink: bool = False) -> Dataset:
    """Writes a database's halves; `shrink` then leaves only the training half in it.

    Raises:
        LookupError: a root or a hub is no table of the database.
    """
    units = () if cut.roots else _units(url)
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SET LOCAL timezone = 'UTC'")
        found = walk(connection)
        roots = cut.roots or _roots(connection, found, units, cut.hubs)
        assign(connection, found, roots, cut.hubs)
        tables = exported(connection, found)
        told = _told(connection, found, tables, Cut(roots, cut.hubs))
        shared = {n: rows[BOTH] == sum(rows) for n, rows in counts(connection, found).items()}
        for name, half in (("train", TRAIN), ("holdout", HOLDOUT)):
            (out / name).mkdir(parents=True, exist_ok=True)
            for table in tables.values():
                table.write(connection, out / name, half)
        write(out / "metadata.json", {**metadata(tables, shared), "split": told})
        if shrink:
            keep(connection, found, TRAIN)
        forget(connection, found)
    if shrink:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
    return Dataset(tables, told)


def export(url: str, out: Path, dataset: Dataset) -> None:
    """Writes all rows of a database of the same schema as a dataset's, as that one is written."""
    out.mkdir(parents=True, exist_ok=True)
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL timezone = 'UTC'")
        for table in dataset.tables.values():
            table.write(connection, out)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _units(url: str) -> tuple[str, ...]:
    with open_source(url) as source:
        paths = unit_paths(source.schema(), source.sizes())
    units = {p.unit for p in paths.values() if p.unit is not None}
    return tuple(u.name if u.schema == "public" else str(u) for u in sorted(units))


def _roots(
    connection: psycopg.Connection[Any],
    found: Walk,
    units: tuple[str, ...],
    hubs: tuple[str, ...],
) -> tuple[str, ...]:
    if not units:
        led = {k.parent for k in found.keys if k.parent != k.table}
        return tuple(label for label in found.tables if label not in led)
    assign(connection, found, (), ())
    rows = {label: sum(sides) for label, sides in counts(connection, found).items()}
    forget(connection, found)
    below = {unit: sum(rows[t] for t in found.reached([unit])) for unit in units}
    chosen: tuple[str, ...] = ()
    for unit in sorted(units, key=lambda u: (-below[u], u)):
        tried = (*chosen, unit)
        reached = sum(rows[t] for t in found.reached(tried))
        if _dropped(connection, found, tried, hubs) <= _MOST_DROPPED * reached:
            chosen = tried
    return chosen or (max(units, key=lambda u: below[u]),)


def _dropped(
    connection: psycopg.Connection[Any],
    found: Walk,
    roots: tuple[str, ...],
    hubs: tuple[str, ...],
) -> int:
    assign(connection, found, roots, hubs)
    dropped = sum(sides[0] for sides in counts(connection, found).values())
    forget(connection, found)
    return dropped


def _told(
    connection: psycopg.Connection[Any], found: Walk, tables: dict[str, Exported], cut: Cut
) -> dict[str, Any]:
    sides = counts(connection, found)
    return {
        **asdict(cut),
        "rows": {
            n: dict(zip(("dropped", "train", "holdout", "both"), sides[n], strict=True))
            for n in sides
        },
        "dropped": sum(rows[0] for rows in sides.values()),
        "orphans": {
            "train": dangling(connection, found, TRAIN),
            "holdout": dangling(connection, found, HOLDOUT),
        },
        "foreign_keys_skipped": sum(t.skipped for t in tables.values()),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
