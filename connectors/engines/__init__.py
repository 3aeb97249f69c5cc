"""The protocols of a database engine: one folder here per product, named after its dialect.

A `Reader` reads, a `Source` is a reader and nothing more, a `Target` is a reader that also
writes, and a `Writer` adds rows beside it. No method takes SQL text. Each folder has a module
`engine` with `open_source(url)`, `open_target(url)` and `open_writer(url, fingerprint)`, which are
context managers, `server_facts(url)`, and `beside(url)` and `exchange(url)` for building aside.
"""

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, cast

import pyarrow as pa

from connectors.batch import Batch
from connectors.ddl import DdlItem
from connectors.errors import ConnectorError, UnknownEngine
from connectors.invariants import Claim, Tally
from connectors.planner import PlanNode, Query, TableStatistics
from connectors.products import product_of, products
from connectors.profile import Profile, Split, TableSize
from connectors.schema import Check, ForeignKey, Schema, Table, TableName, Unique
from connectors.server import ServerFacts

Constraint = ForeignKey | Unique | Check
ABOVE = "above\N{UNIT SEPARATOR}"
"""Before the names of a parent's columns that stand beside those of a child."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """The number of rows of a table, and a digest that does not depend on their order."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One loaded shard: the number of its tree in the plan, and its own number."""

    tree: int
    shard: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a target already holds of a plan.

    Attributes:
        fingerprint: the plan's.
        plan: the plan as JSON.
        marks: the shards whose rows are committed.
        steps: numbers of the finished steps after the rows.
        finished: whether nothing is left to do.
        dropped: what the load took away from a schema that was there before it, to be created
            again by its steps; None where the load created the schema.
    """

    fingerprint: str
    plan: str
    marks: frozenset[Mark]
    steps: frozenset[int]
    finished: bool
    dropped: tuple[DdlItem, ...] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rows that a target would refuse, and why.

    Attributes:
        constraint: name of a check, a domain's check or a column; empty where none is to blame.
        sql: the constraint's expression; empty where it has none.
        state: the SQLSTATE of the refusal.
        rows: how many were refused.
        tried: how many were tried.
        exact: False where more may be refused than were counted.
    """

    constraint: str
    sql: str
    state: str
    rows: int
    tried: int
    exact: bool = True


class Reader(Protocol):
    """Reads one database."""

    @property
    def identity(self) -> str:
        """A digest of the server's system identifier and the database's, whatever its address."""
        ...

    def schema(self) -> Schema:
        """All that the database declares; our own ledger is left out."""
        ...

    def sizes(self) -> Mapping[TableName, TableSize]:
        """The planner's estimates, for stating costs."""
        ...

    def rows(self, table: Table) -> int:
        """The exact number of rows."""
        ...

    def read(self, table: Table, most: int | None = None) -> Iterator[pa.RecordBatch]:
        """Rows with all columns but generated ones, in no stated order; about `most` of them.

        From a thousand rows on, `most` is a random sample of the whole table.
        """
        ...

    def violations(self, table: Table, constraint: Constraint) -> int:
        """How many rows break a constraint, counted by a query of our own, not by trust."""
        ...

    def tally(self, claim: Claim) -> Tally:
        """How often a rule holds that nobody declared."""
        ...

    def speaking(self, table: Table, key: ForeignKey) -> int:
        """How many rows a foreign key speaks of: none of its columns is null."""
        ...

    def unmatched(self, table: Table, column: str, pattern: str) -> int:
        """How many values of a text column do not match a regular expression."""
        ...

    def checksum(self, table: Table) -> Checksum:
        """The table's checksum; equal rows in any order give equal checksums."""
        ...

    def statistics(self, schema: Schema) -> Mapping[TableName, TableStatistics]:
        """What the planner knows of the tables of a schema that are there."""
        ...

    def explained(self, query: Query) -> PlanNode | ConnectorError:
        """How the planner would answer a query of the user's; the error where it would not.

        The query is not run, and the transaction is read-only.
        """
        ...

    def counterpart(self, table: Table, column: str, value: str, rank: int | None) -> str | None:
        """The text of a value if the column holds it, else of the one at a rank by frequency.

        Counted from 0; without a rank, in the middle. None where the column holds no value.
        """
        ...

    def families(
        self, table: Table, key: ForeignKey, parent: Table, most: int
    ) -> Iterator[pa.RecordBatch]:
        """About `most` rows of a table, siblings all or none, as `read` gives them.

        After their columns stand those of the parent's row with `ABOVE` before their names, null
        where there is none. Rows with a null in the key are left out.
        """
        ...

    def fan_out(self, table: Table, key: ForeignKey) -> Mapping[int, int]:
        """How many rows of a key's parent have so many children, by the number of children.

        Those that have none are left out.
        """
        ...


class Source(Reader, Protocol):
    """Reads a production database in one read-only snapshot."""

    def unreadable(self, schema: Schema) -> Mapping[TableName, str]:
        """The tables that the role may not read, or not all rows of, and why."""
        ...

    def counted_statements(self, most: int) -> tuple[str, ...]:
        """Texts of the statements that took most time, as the server counts them.

        It has put `$1` and on in the place of their values.

        Raises:
            MissingTool: the server does not count statements.
        """
        ...

    def ddl(self, without: frozenset[TableName] = frozenset()) -> tuple[DdlItem, ...]:
        """The statements that recreate the schema, in a runnable order."""
        ...

    def profile(self, schema: Schema, split: Split, distinct: bool = False) -> Profile:
        """Measures all tables; shares and fan-outs come from training units only."""
        ...

    def training(self, table: Table, split: Split) -> Iterator[pa.RecordBatch]:
        """Rows of training units as `read` gives them, with a last column `unit` (int64)."""
        ...

    def held_out(self, table: Table, split: Split) -> Iterator[pa.RecordBatch]:
        """The same of the units that nothing is learned from; none where the table is not split."""
        ...

    def matching(
        self, table: Table, split: Split, columns: Sequence[str], keys: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """As `training`, the rows whose columns hold one of some keys, each once.

        `keys` has a column for each of `columns`, in their order and types, without nulls and
        without repeated rows; it should have some ten thousand rows at most.
        """
        ...


def nothing() -> None:
    """Does nothing."""


class Writer(Protocol):
    """Adds shards and steps to a load that was begun; several of them may do so at a time."""

    def write(self, batches: Iterator[Batch], schema: Schema, mark: Mark) -> int:
        """Commits a shard's rows and its mark together; returns the number of rows.

        A shard whose mark is there already is not written again, and one that another session is
        writing is waited for.
        """
        ...

    def finish_step(self, item: DdlItem) -> None:
        """Runs one post-data item and marks it, in one transaction.

        Where another session's step waits for this one and this one for it, it is tried again.
        """
        ...

    def collect(self, table: TableName) -> None:
        """Makes a table's statistics, and its map of rows that all may see."""
        ...

    def cancel(self) -> None:
        """Ends what the session does at this moment, from another thread."""
        ...


class Target(Reader, Writer, Protocol):
    """Fills a test database."""

    def ledger(self) -> Ledger | None:
        """What the target holds of a plan; None where no load was begun."""
        ...

    def begin(
        self,
        fingerprint: str,
        plan: str,
        items: Sequence[DdlItem],
        judge: Callable[[], None] = nothing,
    ) -> None:
        """Creates the ledger and runs the pre-data items, all in one transaction.

        `judge` is called before that is committed; what it raises undoes everything.

        Raises:
            NotEmptyTarget: the database already holds tables.
        """
        ...

    def pilot(self, batch: Batch, table: Table) -> tuple[Refusal, ...]:
        """Which of some rows the table would refuse for a check, bound, domain, type or expression.

        They go into a temporary table like it and are taken away again. Keys are not looked at.
        """
        ...

    def adopt(
        self,
        fingerprint: str,
        plan: str,
        filled: Sequence[Table],
        sequences: Collection[TableName] = (),
    ) -> None:
        """Creates the ledger in a database that has its schema, and readies tables for their rows.

        What slows or blocks a load (indexes, unique, exclusion and foreign keys, triggers; no
        primary key, no check) is written into the ledger and dropped, all in one transaction, and
        so is where the sequences stand.

        Raises:
            NotEmptyTarget: a table to fill holds rows.
        """
        ...

    def extend(self, fingerprint: str, plan: str, filled: Sequence[Table]) -> None:
        """Puts another plan in the place of a finished one whose rows stay, and readies tables.

        What slows or blocks a load is written into the ledger and dropped as `adopt` does.
        """
        ...

    def abandon(self, filled: Sequence[Table], missing: Sequence[DdlItem] = ()) -> None:
        """Takes back a load, in one transaction.

        Empties the tables that it filled, creates again what it dropped, or what it had still to
        create in a schema of its own (`missing`), puts sequences back where an adopted schema had
        them and removes the ledger.
        """
        ...

    def settle(self, schema: Schema, collected: Collection[TableName] = ()) -> tuple[str, ...]:
        """Sets sequences, refreshes materialised views, collects statistics, marks the end.

        A sequence that feeds several columns goes on after the largest value of all of them.
        Statistics of the tables `collected` are there already.

        Returns the materialised views that stay empty, since the rows break an index of theirs.
        """
        ...


class Engine(Protocol):
    """The module `engine` of a folder here."""

    def open_source(self, url: str) -> AbstractContextManager[Source]:
        """A source; closing it ends its snapshot."""
        ...

    def open_target(self, url: str) -> AbstractContextManager[Target]:
        """A target, locked against a second run; closing it releases the lock."""
        ...

    def open_writer(self, url: str, fingerprint: str) -> AbstractContextManager[Writer]:
        """A writer for the load of a plan; no other run begins before it is closed."""
        ...

    def server_facts(self, url: str) -> ServerFacts:
        """What the server and the database offer to the URL's role."""
        ...

    def beside(self, url: str) -> str:
        """URL of a database beside the URL's, to fill and put in its place; made where needed."""
        ...

    def exchange(self, url: str) -> str:
        """Puts the database beside in the place of the URL's; what that one is called then."""
        ...


def open_source(url: str) -> AbstractContextManager[Source]:
    """Opens the production database of a URL for reading; see `connectors.errors`."""
    return _engine(url).open_source(url)


def open_target(url: str) -> AbstractContextManager[Target]:
    """Opens the test database of a URL for writing; see `connectors.errors`."""
    return _engine(url).open_target(url)


def open_writer(url: str, fingerprint: str) -> AbstractContextManager[Writer]:
    """Joins the load of the plan with this fingerprint, which somebody else's target has begun."""
    return _engine(url).open_writer(url, fingerprint)


def server_facts(url: str) -> ServerFacts:
    """What the server and the database of a URL offer; see `connectors.errors`."""
    return _engine(url).server_facts(url)


def beside(url: str) -> str:
    """URL of a database beside another one, which `exchange` puts in that one's place.

    Raises:
        MissingPrivilege: the role may not do so; nothing is made.
        NotEmptyTarget: what an earlier exchange put aside is still there.
    """
    return _engine(url).beside(url)


def exchange(url: str) -> str:
    """Puts the database beside one in its place; answers the name of the one before, which stays.

    Raises:
        BusyTarget: somebody is connected to either.
    """
    return _engine(url).exchange(url)


def _engine(url: str) -> Engine:
    known, name = products(), product_of(url)
    if name not in known:
        # What is no URL may be a connection string that starts with its password.
        start = f"starts with {name[:20]!r}" if "://" in url else "names no database product"
        raise UnknownEngine(
            f"the URL {start}; expected one of: " + ", ".join(f"{k}://" for k in known)
        )
    return cast("Engine", importlib.import_module(f"{__name__}.{name}.engine"))
