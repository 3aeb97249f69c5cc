"""The protocol of a kind of invariant: one file here per kind, found by its file name.

An invariant is a rule that rows obey though the database declares it nowhere. A kind proposes the
rules of its kind that the training rows keep, says each in words and in SQL, learns what keeping it
takes, and makes drawn rows keep it by setting one column, its *target*.

Each file ends in a line such as `invariant: type[InvariantKind] = Order`.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.invariants import Claim, Invariant, Term
from connectors.schema import Schema, Table, TableName
from generators.magnitudes import Magnitudes
from generators.privacy.support import Released, Support

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
State = Mapping[str, Released[Any]]
"""What was learned to keep a rule, field by field, as for a column generator."""


class Scene(Protocol):
    """Rows of a table, learned or drawn, with the rows around them."""

    @property
    def schema(self) -> Schema:
        """The schema of all tables."""
        ...

    @property
    def table(self) -> Table:
        """The table whose rows these are."""
        ...

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def values(self, term: Term) -> pa.Array:
        """A value per row, in the column's Arrow type; null where a key leads nowhere."""
        ...

    def owners(self, key: str) -> Ints:
        """Per row, a number of the row that a key leads to, equal for siblings; -1 for none."""
        ...

    def children(self, key: tuple[TableName, str], column: str) -> tuple[pa.Array, Ints]:
        """The values of the rows that a key leads here from, and the position each leads to."""
        ...


class View(Scene, Protocol):
    """Training rows, with what judging a rule takes."""

    @property
    def units(self) -> Ints:
        """The privacy unit of each row."""
        ...

    @property
    def support(self) -> Support:
        """The rule of release."""
        ...

    @property
    def terms(self) -> tuple[Term, ...]:
        """The columns of the rows, then those of the rows that their foreign keys lead to."""
        ...

    @property
    def further(self) -> tuple[Term, ...]:
        """The columns of the rows that keys of those rows lead to."""
        ...

    @property
    def few(self) -> Ints:
        """Positions of a random sample of about 2,000 rows, or of all, for weeding out."""
        ...

    def numbers(self, term: Term) -> Magnitudes | None:
        """The values of a term as numbers; None where they have no order."""
        ...

    def codes(self, term: Term) -> Ints:
        """The values of a term as numbers of distinct values, from 0; -1 for null."""
        ...

    def column(self, table: TableName, column: str) -> pa.Array:
        """The values of a column of any table, a row each."""
        ...

    def listed(self, values: pa.Array) -> Sequence["Listed"]:
        """The keys of one column, of any table, that hold any of some values."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A key of one column.

    Attributes:
        count: how many values it has.
        width: how many whole numbers lie between its ends, both included; 0 for texts.
    """

    table: TableName
    column: str
    count: int
    width: int


class Part(IntEnum):
    """What keeping a rule does to its target; later parts touch what earlier ones have set."""

    SETS = 0
    """Computes every value of it; nothing else may change it."""
    MASKS = 1
    """Says where it is null, or holds a constant."""
    PARTS = 2
    """Moves values that repeat others."""
    BOUNDS = 3
    """Moves values that lie beyond others."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Drawn rows, one column of which is to be set.

    Attributes:
        scene: the rows as they are, the target's drawn values among them.
        target: the column to set.
        rng: the randomness of this rule in this shard.
        seed: the plan's, for what has to be alike in every shard.
        again: gives other values of a learned column for some rows.
        keys: gives the values of a key column of any table, up to about a million.
        pool: gives about 4,096 values of a learned column as it is drawn, nulls among them, the
            same in every shard.
        tight: whether rules were applied once already, so that what is still wrong is to be moved
            no further than it must.
        whole: whether these are all rows of their table, and not those of one of several shards.
        settled: whether the target's values are no longer to move together: they did already, some
            are those of a sibling table's rows, or an exclusion constraint keeps them apart.
        broken: the share of all rows of the source that break the rule; training rows tell less,
            since what they lead to may be held out.
        jointly: draws columns together.
        agrees: whether values of no entry are computed by others from the same.
        apart: sets of columns, the target among them, in which no two rows are to be equal.
        below: the key by which rows that the rule speaks of belong to these, where they are drawn.
        share: which of how many shards the rows are; of a table of too many rows, the only one.
    """

    scene: Scene
    target: str
    rng: np.random.Generator
    seed: int
    again: "Redraw"
    pool: "Pool"
    keys: "Keys"
    tight: bool = False
    whole: bool = False
    settled: bool = False
    broken: float = 0.0
    jointly: "Jointly | None" = None
    agrees: bool = False
    apart: tuple[tuple[str, ...], ...] = ()
    below: str = ""
    share: tuple[int, int] = (0, 1)


class Redraw(Protocol):
    """Draws a column again."""

    def __call__(self, column: str, rows: Ints) -> pa.Array:
        """Other values of a column for some rows, in its Arrow type; null where all are."""
        ...


class Pool(Protocol):
    """Draws a column for no row in particular."""

    def __call__(self, column: str) -> pa.Array:
        """Values of a column in its Arrow type, as frequent as they were learned to be."""
        ...


class Jointly(Protocol):
    """Draws columns together for no rows in particular."""

    def __call__(self, columns: tuple[str, ...]) -> tuple[pa.Array, ...]:
        """Values of about 32,768 rows, the same in every shard; nothing where owners have a say."""
        ...


class Keys(Protocol):
    """Knows the keys of all tables."""

    def __call__(self, table: TableName, column: str) -> pa.Array:
        """The values of a key column; a sample of a long table's, the same in every shard."""
        ...


class InvariantKind(Protocol):
    """One kind of rule."""

    name: ClassVar[str]
    """The file's name."""
    part: ClassVar[Part]
    """What it does to its target."""
    tolerated: ClassVar[float]
    """The share of rows that may break a rule of this kind in the source."""

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """The rules of this kind that the training rows keep, and would not by chance."""
        ...

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """The rule as a person would say it, in SQL's words."""
        ...

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema, /) -> Claim:
        """The rule as a query."""
        ...

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """Columns of the rule's table that may be set to keep it, the best first."""
        ...

    @classmethod
    def fit(cls, rule: Invariant, view: View, /) -> State:
        """What keeping the rule takes to know."""
        ...

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing, /) -> pa.Array:
        """The target's values with which the rule holds; `state` is what `fit` gave, unwrapped."""
        ...

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene, /) -> Bools | None:
        """Which rows break it, alone or beside those alike; None where siblings or others do."""
        ...


@runtime_checkable
class Postponable(Protocol):
    """A kind some of whose rules the target can be made to keep once it holds all rows."""

    @classmethod
    def postponed(
        cls, rule: Invariant, column: str, state: Mapping[str, Any], schema: Schema, /
    ) -> "Postponement | None":
        """How one of its targets is set then; None where that could break what is declared."""
        ...


@dataclass(frozen=True, slots=True)
class Postponement:
    """How a column is set once all rows are there.

    Attributes:
        sql: the statement that sets it.
        reads: columns that the statement takes values from.
    """

    sql: str
    reads: tuple[tuple[TableName, str], ...]


class Together:
    """What a kind takes over whose rules are of siblings, children or other tables' rows."""

    @classmethod
    def breaks(cls, _rule: Invariant, _scene: Scene, /) -> Bools | None:
        """See `InvariantKind`; not rows alone."""
        return None


class Plain:
    """What a kind takes over whose rules say all that there is to know."""

    @classmethod
    def fit(cls, _rule: Invariant, _view: View, /) -> State:
        """See `InvariantKind`; nothing more than the rule."""
        return {}


@cache
def invariant_kinds() -> Mapping[str, type[InvariantKind]]:
    """Every kind in this folder by its name."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return {m.invariant.name: m.invariant for m in modules}
