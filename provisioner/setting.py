"""What is the same for all rows of a plan that are drawn, whatever shard they are in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.schema import ForeignKey, TableName
from generators.companions import Companion
from generators.model import DatabaseModel
from generators.relations.references import Mode
from generators.sight import Node
from generators.steps import Orientation
from provisioner.adopting import Adopted
from provisioner.keeping import Keeper
from provisioner.placing import Placing
from provisioner.plan import Plan

Ints = npt.NDArray[np.int64]
Keys = Callable[[TableName, tuple[str, ...], Ints], list[pa.Array]]
Matching = Callable[[TableName, Mapping[str, pa.Array], np.random.Generator], Ints]


@dataclass(frozen=True, slots=True)
class Setting:
    """What drawing any table needs.

    Attributes:
        most: the most rows under one owner that a table's unique keys allow.
        late: names of the references of a table that are drawn once its keys are known.
        covering: foreign keys, by table and name, that lead to every row of their parent.
        keys: values of key columns of any rows of a table, by index.
        matching: index of some row of a table that holds given values in some key columns.
        keeper: the rules of a table.
        lost: values of key columns that no row of a table has, by number; equal for equal ones.
        reachable: indexes of the rows that a key may lead to: no null is in what it references.
        placing: the places of hand-made rows.
        orientation: how rules that nobody declared are kept.
        single: foreign keys, by table and name, no two rows of which lead to one row.
        adopted: keys that are values of other tables' columns.
        companions: what rows of earlier tables have to say of each table's.
        witnessed: keys of tables that the rows which lead there tell of, by table and column.
        heeded: tables by the codes of whose rows others are drawn.
        pools: usual values of columns that were asked for, by table and name; every shard's.
        joint: values of columns that were asked for together, likewise.
    """

    model: DatabaseModel
    plan: Plan
    most: Mapping[TableName, int | None]
    late: Mapping[TableName, frozenset[str]]
    covering: frozenset[tuple[TableName, str]]
    keys: Keys
    matching: Matching
    keeper: Callable[[TableName], Keeper]
    lost: Keys
    reachable: Callable[[ForeignKey], Ints]
    placing: Placing
    orientation: Orientation
    single: frozenset[tuple[TableName, str]]
    adopted: Mapping[Node, Adopted]
    companions: Mapping[TableName, tuple[Companion, ...]] = field(default_factory=dict)
    witnessed: Mapping[TableName, Mapping[str, pa.Array]] = field(default_factory=dict)
    heeded: frozenset[TableName] = field(init=False, repr=False)
    pools: dict[tuple[TableName, str], pa.Array] = field(default_factory=dict, repr=False)
    joint: dict[tuple[TableName, tuple[str, ...]], tuple[pa.Array, ...]] = field(
        default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        histories = (table.history for table in self.model.tables.values())
        beats = {h.beat for h in histories if h is not None and h.beat is not None}
        heeded = frozenset(key.parent for key in self.model.owners.values()) | beats
        object.__setattr__(self, "heeded", heeded)


def partnered(
    setting: Setting, key: ForeignKey, values: Sequence[pa.Array], rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Whether each other key that shares columns with these values of a key finds a row for them.

    A key that may be null where it finds none is not asked.
    """
    given = dict(zip(key.columns, values, strict=True))
    kept = np.ones(len(values[0]), np.bool_)
    for other in sharing(setting, key):
        targets = zip(other.columns, other.parent_columns, strict=True)
        wanted = {parent: given[c] for c, parent in targets if c in given}
        kept &= setting.matching(other.parent, wanted, rng) >= 0
    return kept


def sharing(setting: Setting, key: ForeignKey) -> list[ForeignKey]:
    """The other keys of the table that share a column and cannot be null in the rest of theirs."""
    table = setting.model.schema.table(key.table)
    return [
        r.key
        for r in setting.model.tables[key.table].references
        if set(r.key.columns) & set(key.columns)
        and r.key != key
        and r.mode is not Mode.SELF
        and r.key.name not in setting.late[key.table]
        and not any(table.column(c).nullable for c in set(r.key.columns) - set(key.columns))
    ]
