"""A table's rows as a matrix of codes, and back; null has a code of its own."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import arrow_type
from connectors.schema import Column, TableName
from generators.columns import Codes, ColumnGenerator, Draw, Sample, Traits, choose
from generators.distinct import hashable
from generators.privacy.classify import semantic
from generators.privacy.kinds import Class, Classified
from generators.privacy.support import Ints, Support
from generators.tables import Feature


@dataclass(frozen=True, slots=True)
class FittedColumn:
    """A column generator with a code for null.

    Attributes:
        nullable: whether code 0 stands for null and the generator's codes start at 1.
    """

    column: Column
    generator: ColumnGenerator
    nullable: bool

    @property
    def feature(self) -> Feature:
        """The column of the matrix that its codes fill."""
        size = self.generator.size + self.nullable
        return Feature(self.column.name, size, self.generator.ordered)

    def encode(self, values: pa.Array) -> Codes:
        """The code of each value; null gets 0, also where none was learned."""
        if not values.null_count:
            return np.asarray(self.generator.encode(values) + np.int32(self.nullable), np.int32)
        codes = np.zeros(len(values), np.int32)
        present = ~_nulls(values)
        codes[present] = self.generator.encode(pc.drop_null(values)) + self.nullable
        return codes

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A value per code, of the column's exact Arrow type."""
        if not self.nullable:
            return self.generator.decode(codes, draw)
        present = codes > 0
        part = Draw(draw.rng, draw.rows[present], draw.identities[present])
        values = self.generator.decode(codes[present] - 1, part)
        return values.take(pa.array(np.cumsum(present) - 1, mask=~present))


def fit_column(
    table: TableName,
    column: Column,
    values: pa.Array,
    units: Ints,
    support: Support,
    known: Classified | None = None,
) -> FittedColumn:
    """Chooses and fits the generator of one column from all of its training values.

    Where its class is not known, name and values tell the personal kind.
    """
    present = ~_nulls(values)
    sample = Sample(pc.drop_null(values), units[present])
    kind = choose(traits(table, column, sample, support, known))
    nullable = column.nullable and bool((~present).any())
    return FittedColumn(column, kind.fit(column, sample, support), nullable)


def empty(column: Column, rows: int) -> pa.Array:
    """As many nulls of a column's Arrow type."""
    return pa.nulls(rows, arrow_type(column.datatype))


def traits(
    table: TableName,
    column: Column,
    sample: Sample,
    support: Support,
    known: Classified | None = None,
) -> Traits:
    """What the choice of a column's generator looks at; its class, where it is known already."""
    values = hashable(sample.values)
    shares = support.shares(values, sample.units).value
    distinct = int(pc.count_distinct(values).as_py())
    supported = float(1 - shares.rest) if len(values) else 0.0
    told = known or Classified(Class.UNKNOWN, semantic(table, column, sample, supported))
    return Traits(table, column, sample, distinct, supported, told.kind)


def _nulls(values: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False))
