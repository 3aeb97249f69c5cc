"""What a notebook calls: models from DataFrames, and DataFrames from models.

`from provisioner import sample` finds these functions, and loads nothing heavy before that.
"""

import operator
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pandas as pd

from generators.archive import read_archive, write_archive
from generators.model import DatabaseModel
from generators.tables import table_generators
from provisioner.errors import WrongRequest
from provisioner.frames.keys import Columns, Keys, Parent
from provisioner.frames.learning import learned_frames
from provisioner.frames.sampling import drawn_frames, numbers
from provisioner.learning import Learning
from provisioner.replacing import why_not_written
from provisioner.request import Request

_LARGEST_SEED = 2**63 - 1
_MOST_ROWS = 10**12

File = str | os.PathLike[str]


class Options(TypedDict, total=False):
    """How to learn, beside keys and units.

    Attributes:
        k: distinct privacy units behind everything that the model holds; 11 without it.
        table_model: "trees", "network", "auto" or "independent"; "trees" without it.
        seed: chooses which units are held out; 0 without it.
    """

    k: int
    table_model: str
    seed: int


def learn_frames(
    frames: Mapping[str, pd.DataFrame],
    *,
    primary_keys: Mapping[str, Columns] | None = None,
    unique: Mapping[str, str | Sequence[Columns]] | None = None,
    keys: Mapping[str, Mapping[str | tuple[str, ...], Parent]] | None = None,
    units: str | Sequence[str] = (),
    **options: Unpack[Options],
) -> DatabaseModel:
    """Learns DataFrames as `learn` learns a database, by way of an embedded PostgreSQL.

    Args:
        frames: the tables by name. Types follow from dtypes; an index with a name is a column.
        primary_keys: the column, or the columns together, of each table's primary key. Without
            one, it is what a key leads to.
        unique: further unique keys of each table, one after the other.
        keys: foreign keys of each table, such as `{"orders": {"customer_id": "customers (id)"}}`;
            several columns are a tuple, and odd names stand as `("customers", "id")`.
        units: tables whose rows are the privacy units; found by their columns without it.
        options: see `Options`.

    Raises:
        WrongFrame: a column has no counterpart in PostgreSQL, or the rows break a key.
        WrongRequest: an option or a unit does not fit.
        MissingTool: there are no server binaries.
    """
    given = Keys(primary_keys or {}, unique or {}, keys or {})
    named = (units,) if isinstance(units, str) else tuple(units)
    return learned_frames(frames, given, named, _learning(options))


def sample(
    model: DatabaseModel | File,
    *,
    scale: float = 1.0,
    rows: Mapping[str, int] | None = None,
    seed: int = 0,
    tables: Iterable[str] | None = None,
    acknowledge: Collection[str] = (),
) -> dict[str, pd.DataFrame]:
    """Draws a whole database in memory; the rows are those that `provision` would load.

    Columns that a target sets once it holds all rows are as they were drawn.

    Keys lead from frame to frame as they would in a database. Generated columns are absent, since
    only a server computes them as it does. See `provisioner.frames.drawn` for dtypes.

    Args:
        model: a model, or its file.
        scale: factor on the rows learned; reference data keeps its size.
        rows: exact rows of root tables; under "*", those of each table that was empty.
        seed: the same seed draws the same rows.
        tables: the tables to answer; all without it.
        acknowledge: hashes of findings that shall not stop the draw.

    Raises:
        WrongRequest: an argument does not fit the model.
        Infeasible: a constraint cannot be met, and its finding is not acknowledged.
        Unmeetable: a constraint turned out not to be met while its rows were drawn.
        NotAnArchive: the file holds no model.
    """
    source = model if isinstance(model, DatabaseModel) else read_model(model)
    exact = {n: _whole(f"rows of {n}", r, 0, _MOST_ROWS) for n, r in (rows or {}).items()}
    named, cold = numbers(source, exact)
    request = Request(
        scale,
        _whole("seed", seed, 0, _LARGEST_SEED),
        named,
        cold,
        acknowledged=frozenset(acknowledge),
    )
    wanted = (tables,) if isinstance(tables, str) else tables
    return drawn_frames(source, request, wanted)


def read_model(file: File) -> DatabaseModel:
    """The model that a file holds, of `learn` or of `write_model`.

    Raises:
        NotAnArchive: the file holds no model.
        BrokenArchive: the file is truncated or was changed.
    """
    return read_archive(Path(file))


def write_model(model: DatabaseModel, file: File) -> None:
    """Writes a model to a file, which `provision` and `read_model` read.

    Raises:
        WrongRequest: the file cannot be written, or holds something else than a model.
    """
    why = why_not_written(Path(file))
    if why is not None:
        raise WrongRequest(why)
    write_archive(model, Path(file))


def _learning(options: Mapping[str, Any]) -> Learning:
    unknown = sorted(options.keys() - Options.__annotations__.keys())
    if unknown:
        raise WrongRequest(
            f"{', '.join(unknown)} is no option of learn_frames; expected one of "
            f"{', '.join(Options.__annotations__)}"
        )
    kind, kinds = options.get("table_model", "trees"), table_generators()
    if kind not in kinds:
        raise WrongRequest(f"table_model {kind!r} found; expected one of {', '.join(kinds)}")
    return Learning(
        k=_whole("k", options.get("k", 11), 1, _MOST_ROWS),
        kind=kind,
        seed=_whole("seed", options.get("seed", 0), 0, _LARGEST_SEED),
    )


def _whole(name: str, given: Any, least: int, most: int) -> int:
    try:
        found = operator.index(given)
    except TypeError:
        found = least - 1
    if not least <= found <= most:
        raise WrongRequest(f"{name} = {given!r} found; expected a whole number of {least} or more")
    return found
