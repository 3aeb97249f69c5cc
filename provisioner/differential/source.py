"""Drawn rows in the place of a source, so that all of `learn` follows from them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.ddl import DdlItem
from connectors.engines import Checksum, Constraint
from connectors.errors import ConnectorError, WrongQuery
from connectors.invariants import Claim, Tally
from connectors.planner import PlanNode, Query, TableStatistics
from connectors.profile import (
    ColumnProfile,
    ForeignKeyProfile,
    Profile,
    Split,
    TableProfile,
    TableSize,
)
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.facts import Training
from generators.relations.links import parent_rows

_ROW = 100
"""Bytes that a row is taken to have, where only orders of magnitude matter."""


@dataclass(frozen=True, slots=True)
class DrawnSource:
    """See `connectors.engines.Source`; holds what is declared, and no row that was not drawn."""

    declared: Schema
    statements: tuple[DdlItem, ...]
    identity: str
    drawn: Mapping[TableName, Training]

    def schema(self) -> Schema:
        """See `Reader`."""
        return self.declared

    def ddl(self, without: frozenset[TableName] = frozenset()) -> tuple[DdlItem, ...]:
        """See `Source`; what is left out was left out when the rows were drawn."""
        del without
        return self.statements

    def unreadable(self, schema: Schema) -> Mapping[TableName, str]:
        """See `Source`."""
        del schema
        return {}

    def sizes(self) -> Mapping[TableName, TableSize]:
        """See `Reader`."""
        return {n: TableSize(len(t.rows), len(t.rows) * _ROW) for n, t in self.drawn.items()}

    def rows(self, table: Table) -> int:
        """See `Reader`."""
        return len(self.drawn[table.name].rows)

    def read(self, table: Table, most: int | None = None) -> Iterator[pa.RecordBatch]:
        """See `Reader`."""
        yield from self.drawn[table.name].rows.slice(0, most).to_batches()

    def training(self, table: Table, split: Split) -> Iterator[pa.RecordBatch]:
        """See `Source`; drawn units belong to nobody, so that none are held out."""
        del split
        part = self.drawn[table.name]
        yield from part.rows.append_column("unit", pa.array(part.units)).to_batches()

    def profile(self, schema: Schema, split: Split, distinct: bool = False) -> Profile:
        """See `Source`."""
        del split, distinct
        keys = dict.fromkeys((*schema.foreign_keys, *schema.undeclared))
        return Profile(
            {t.name: self._table(t) for t in schema.tables},
            {(f.table, f.name): self._fan_out(f) for f in keys},
        )

    def violations(self, table: Table, constraint: Constraint) -> int:
        """See `Reader`; what is not declared is taken to be broken."""
        del constraint
        return len(self.drawn[table.name].rows)

    def tally(self, claim: Claim) -> Tally:
        """See `Reader`; no rule is looked for."""
        del claim
        return Tally(0, 0)

    def speaking(self, table: Table, key: ForeignKey) -> int:
        """See `Reader`."""
        rows = self.drawn[table.name].rows
        return int(_whole(rows, key.columns).sum())

    def unmatched(self, table: Table, column: str, pattern: str) -> int:
        """See `Reader`."""
        del column, pattern
        return len(self.drawn[table.name].rows)

    def checksum(self, table: Table) -> Checksum:
        """See `Reader`."""
        return Checksum(len(self.drawn[table.name].rows), "")

    def statistics(self, schema: Schema) -> Mapping[TableName, TableStatistics]:
        """See `Reader`; no planner has seen the drawn rows."""
        del schema
        return {}

    def explained(self, query: Query) -> PlanNode | ConnectorError:
        """See `Reader`; plans follow from real rows, and so there are none."""
        return WrongQuery(f"{query.name}: differential privacy keeps no plans")

    def counted_statements(self, most: int) -> tuple[str, ...]:
        """See `Source`; there are no plans, so none is asked for."""
        del most
        return ()

    def counterpart(self, table: Table, column: str, value: str, rank: int | None) -> str | None:
        """See `Reader`; asked for plans alone."""
        del table, column, value, rank
        return None

    def families(
        self, table: Table, key: ForeignKey, parent: Table, most: int
    ) -> Iterator[pa.RecordBatch]:
        """See `Reader`; asked of targets alone."""
        del table, key, parent, most
        return iter(())

    def held_out(self, table: Table, split: Split) -> Iterator[pa.RecordBatch]:
        """See `Source`; nothing is held out."""
        del table, split
        return iter(())

    def matching(
        self, table: Table, split: Split, columns: Sequence[str], keys: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """See `Source`; no subset is taken of drawn rows."""
        del table, split, columns, keys
        return iter(())

    def fan_out(self, table: Table, key: ForeignKey) -> Mapping[int, int]:
        """See `Reader`."""
        links = parent_rows(self.drawn[table.name].rows, self.drawn[key.parent].rows, key)
        children = np.unique(links[links >= 0], return_counts=True)[1]
        sizes, parents = np.unique(children, return_counts=True)
        return dict(zip(sizes.tolist(), parents.tolist(), strict=True))

    def _table(self, table: Table) -> TableProfile:
        rows = self.drawn[table.name].rows
        nulls = {c.name: rows[c.name].null_count / max(1, len(rows)) for c in table.written}
        columns = {name: ColumnProfile(share) for name, share in nulls.items()}
        return TableProfile(len(rows), len(rows), columns)

    def _fan_out(self, key: ForeignKey) -> ForeignKeyProfile:
        child, parent = self.drawn[key.table], self.drawn[key.parent].rows
        spoken = _whole(child.rows, key.columns)
        links = parent_rows(child.rows, parent, key)
        counts = np.bincount(links[links >= 0], minlength=len(parent))
        lost = spoken & (links < 0)
        return ForeignKeyProfile(
            len(parent),
            int((counts > 0).sum()),
            int(spoken.sum()),
            int(counts.max(initial=0)),
            int(lost.sum()),
            len(np.unique(child.units[lost])),
            len(np.unique(child.units[spoken & ~lost])),
        )


def _whole(rows: pa.Table, columns: Collection[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    found = np.ones(len(rows), np.bool_)
    for name in columns:
        found &= rows[name].is_valid().to_numpy()
    return found
