"""Tables and partitions of a database: which table stands for which partition."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from connectors.engines.postgresql.records import RELATIONS, RelationRecord, read_records
from connectors.schema import Partition, TableName


class OfRelation(Protocol):
    """A record about one table or partition."""

    @property
    def relation(self) -> int:
        """The oid of the table or partition."""


Found = TypeVar("Found", bound=OfRelation)


@dataclass(frozen=True, slots=True)
class RelationCatalog:
    """Every table, partition and foreign table of a database, and the root of each.

    Attributes:
        relations: the records by oid, ordered by name.
        roots: oid of the table that stands for an oid: a partition's root, else itself.
        under: oids of the branches and leaves of each partitioned root, ordered by name.
    """

    relations: Mapping[int, RelationRecord]
    roots: Mapping[int, int]
    under: Mapping[int, Sequence[int]]

    @property
    def tables(self) -> list[RelationRecord]:
        """The tables that a schema lists, by name: no partitions, no foreign tables."""
        return [r for oid, r in self.relations.items() if self.roots[oid] == oid and r.kind != "f"]

    @property
    def oids(self) -> list[int]:
        """Oids of all tables and of all that stands under them."""
        return [oid for oid in self.relations if self.table(oid) is not None]

    def name(self, oid: int) -> TableName:
        """The name of a table or partition itself."""
        return _name(self.relations[oid])

    def table(self, oid: int) -> TableName | None:
        """The table that stands for a table or partition; None where the schema lists none."""
        root = self.roots.get(oid)
        if root is None or self.relations[root].kind == "f":
            return None
        return self.name(root)

    def inherits(self, table: RelationRecord) -> tuple[TableName, ...]:
        """The tables from which a table inherits, in the order in which it names them."""
        parents = (self.table(parent) for parent in table.parents)
        return tuple(parent for parent in parents if parent is not None)

    def partitions(self, root: int) -> tuple[Partition, ...]:
        """The branches and leaves under a partitioned table, by name."""
        below = (self.relations[oid] for oid in self.under.get(root, ()))
        return tuple(Partition(_name(r), r.bound or "", r.rule, r.kind != "p") for r in below)

    def leaves(self, root: int) -> frozenset[int]:
        """Oids of the partitions of a table that hold rows."""
        return frozenset(o for o in self.under.get(root, ()) if self.relations[o].kind != "p")

    def by_table(self, found: Iterable[Found]) -> dict[int, list[Found]]:
        """Records by the oid of their table: its own first, then its partitions' by name."""
        places = {oid: place for place, oid in enumerate(self.relations)}
        grouped: dict[int, list[Found]] = {}
        for record in sorted(found, key=lambda r: places[r.relation]):
            grouped.setdefault(self.roots[record.relation], []).append(record)
        for root, of_table in grouped.items():
            of_table.sort(key=lambda r: r.relation != root)
        return grouped


def read_relations(connection: Connection) -> RelationCatalog:
    """All tables, partitions and foreign tables of the database's users."""
    found = sorted(read_records(connection, RelationRecord, RELATIONS), key=_name)
    relations = {record.oid: record for record in found}
    roots = {oid: _root(oid, relations) for oid in relations}
    under: dict[int, list[int]] = {}
    for oid, root in roots.items():
        if oid != root:
            under.setdefault(root, []).append(oid)
    return RelationCatalog(relations, roots, under)


def lifted(found: Sequence[Found], root: int, fact: Callable[[Found], Hashable]) -> list[Found]:
    """A table's own records, and those of its partitions that state a fact not stated before."""
    stated = {fact(record) for record in found if record.relation == root}
    kept = [record for record in found if record.relation == root]
    for record in found[len(kept) :]:
        if fact(record) not in stated:
            stated.add(fact(record))
            kept.append(record)
    return kept


def _root(oid: int, relations: Mapping[int, RelationRecord]) -> int:
    record = relations[oid]
    if record.is_partition and record.parents and record.parents[0] in relations:
        return _root(record.parents[0], relations)
    return oid


def _name(record: RelationRecord) -> TableName:
    return TableName(record.schema, record.name)
