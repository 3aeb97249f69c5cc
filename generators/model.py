"""What was learned of a database: this, and nothing else, leaves the production side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from connectors.ddl import DdlItem
from connectors.schema import ForeignKey, Schema, TableName
from generators.carried import Carried
from generators.classes import Classes
from generators.encoding import FittedColumn
from generators.estimates import Estimates
from generators.found import Found
from generators.keys import KeyGenerator
from generators.privacy.accountant import Ledger
from generators.privacy.attacked import NOT_ATTACKED, Attacked
from generators.privacy.support import Floats, Released
from generators.relations.histories import History
from generators.relations.lifetimes import Measure
from generators.relations.owners import Owners
from generators.relations.referee import Referee
from generators.relations.references import Clusters, Mode, Reference
from generators.relations.witnesses import Witnesses
from generators.tables import Feature, TableGenerator
from generators.traits import Trait


@dataclass(frozen=True, slots=True)
class TableModel:
    """What was learned of a table.

    Attributes:
        rows: rows in the source.
        unit: the table of its privacy units; None where it belongs to nobody.
        columns: generators of the columns that are neither keys nor taken from a parent.
        keys: generators of the columns that are unique by themselves.
        owner: name of its owner key.
        counts: for each table that it owns, a generator of the number of children per row.
        references: its keys that are not its owner.
        clusters: groups of its rows by how often they are referenced.
        generator: the joint model of columns, counts and references, given the owner's.
        histograms: share of training rows per code of each column, for `verify`.
        history: what its rows have from their older siblings; None for a root.
        branching: per key to itself, by name, a generator of how many rows refer to one.
        factors: codes of what its children have in common.
        beside: child tables whose numbers are told by the difference to a measure of another one.
        witnesses: per natural key, by its name, which rows it leads to as enough units tell.
        dangling: share of the values of each undeclared key that lead nowhere, by its name.
        referee: what chooses among several rows drawn for each that owns others and has no owner;
            None where one is drawn.
    """

    name: TableName
    rows: Released[int]
    unit: TableName | None
    columns: tuple[FittedColumn, ...]
    keys: Mapping[str, KeyGenerator]
    owner: str | None
    counts: Mapping[TableName, FittedColumn]
    references: tuple[Reference, ...]
    clusters: Clusters
    generator: TableGenerator
    histograms: Mapping[str, Released[Floats]]
    history: History | None
    dangling: Mapping[str, Released[float]] = field(default_factory=dict)
    branching: Mapping[str, FittedColumn] = field(default_factory=dict)
    factors: tuple[Feature, ...] = ()
    beside: Mapping[TableName, Measure] = field(default_factory=dict)
    witnesses: Mapping[str, Witnesses] = field(default_factory=dict)
    referee: Referee | None = None

    @property
    def natural(self) -> tuple[Reference, ...]:
        """The references whose columns are learned; they lead to what is nearest to those drawn."""
        learned = {f.column.name for f in self.columns}
        free = (r for r in self.references if r.mode is Mode.CLUSTER)
        return tuple(r for r in free if learned >= set(r.key.columns))


@dataclass(frozen=True, slots=True)
class DatabaseModel:
    """What was learned of a database.

    Attributes:
        identity: digest that tells the source from any other database.
        k: distinct privacy units behind everything learned.
        as_of: the day that the source's rows stand for; None where the file does not say.
        invariants: the rules that its rows keep though nobody declared them.
        carried: the tables whose rows travel.
        attacked: what attacks on it achieved.
        traits: what its rows look like, to hold others against.
        estimates: what the source's planner knew of its rows.
        classes: what each column says of people; empty where the file does not say.
        ledger: what learning has cost each privacy unit; None without differential privacy.
        owners: the owner key of each table that has one.
    """

    schema: Schema
    ddl: tuple[DdlItem, ...]
    tables: Mapping[TableName, TableModel]
    identity: str
    k: int
    as_of: date | None = None
    invariants: tuple[Found, ...] = ()
    carried: Mapping[TableName, Carried] = field(default_factory=dict)
    attacked: Attacked = NOT_ATTACKED
    traits: tuple[Trait, ...] = ()
    estimates: Estimates = field(default_factory=lambda: Estimates({}))
    classes: Classes = field(default_factory=dict)
    ledger: Ledger | None = None
    owners: Owners = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        held = ((name, table.owner) for name, table in self.tables.items())
        keys = {name: self.foreign_key(name, key) for name, key in held if key is not None}
        object.__setattr__(self, "owners", keys)

    @property
    def rows(self) -> Mapping[TableName, int]:
        """The rows of each table in the source."""
        return {name: model.rows.value for name, model in self.tables.items()}

    def foreign_key(self, table: TableName, name: str) -> ForeignKey:
        """A foreign key by its table and name; KeyError where there is none."""
        for key in self.schema.table(table).foreign_keys:
            if key.name == name:
                return key
        raise KeyError(name)
