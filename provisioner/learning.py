"""How a database is learned."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from connectors.planner import Query
from connectors.schema import ForeignKey, TableName
from generators.classes import Classes
from generators.privacy.attacked import Limits
from generators.privacy.units import Ways
from provisioner.carrying import Carrying
from provisioner.differential.asking import Privacy
from provisioner.wishes import Wish

_PATIENT = frozenset({"auto", "network"})
"""Table generators for those who would rather wait than have less likely rows."""


@dataclass(frozen=True, slots=True)
class Learning:
    """How to learn.

    Attributes:
        k: distinct privacy units behind everything released.
        kind: the table generator: "trees", "network", "auto" or "independent".
        units: tables whose rows are the privacy units; empty to find them by their columns.
        ways: each table's key to its unit, where a person says so.
        skip_unreadable: leave out tables that the role may not read, instead of stopping.
        seed: chooses which units are held out.
        holdout: share of units that are.
        keys: foreign keys that the database does not declare; see `provisioner.undeclared`.
        skip: tables to leave out, with all that needs them.
        refine: whether to hold drawn histories against learned ones, and to choose among several
            when drawing; None for where the table generator takes its time as well.
        as_of: the day that the source's rows stand for; None for today.
        invariants: whether to find the rules that nobody declared.
        wishes: what a person says of those rules.
        budget: how long "auto" may train and refine; None to choose by size.
        carrying: tables whose rows travel in the file.
        attack: what attacks on the model may achieve; None to leave it unattacked.
        queries: the user's own, whose plans are kept.
        classes: what a person says that columns say of people.
        privacy: differential privacy for each unit; None for support alone.
        learners: processes that learn networks; None for as many as there is room and work for.
            What is learned is the same.
    """

    k: int = 11
    kind: str = "trees"
    units: tuple[TableName, ...] = ()
    ways: Ways = field(default_factory=dict)
    skip_unreadable: bool = False
    seed: int = 0
    keys: tuple[ForeignKey, ...] = ()
    skip: frozenset[TableName] = frozenset()
    refine: bool | None = None
    as_of: date | None = None
    invariants: bool = True
    wishes: tuple[Wish, ...] = ()
    budget: timedelta | None = None
    carrying: Carrying = field(default_factory=Carrying)
    attack: Limits | None = None
    queries: tuple[Query, ...] = ()
    classes: Classes = field(default_factory=dict)
    privacy: Privacy | None = None
    holdout: float = 0.1
    learners: int | None = None

    @property
    def refines(self) -> bool:
        """Whether drawn histories are held against learned ones."""
        return self.kind in _PATIENT if self.refine is None else self.refine
