"""Foreign keys from or to generated columns: whether what the database will compute leads to rows.

Nobody chooses such a value, so that the key is kept like a check: the columns that it is computed
from are drawn again and mended until the parent has what comes out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.dialect.expressions import Scope
from connectors.rules import Expression, Rule, Unevaluable, compiled, evaluate
from connectors.schema import ForeignKey, SqlFunction, Table, TableName
from generators.errors import Unmeetable

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Matching: TypeAlias = Callable[[TableName, Mapping[str, pa.Array], np.random.Generator], Ints]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A foreign key from or to generated columns, made ready for rows.

    Attributes:
        rule: the key under its name, with the stored columns that it is computed from.
        expressions: what each of its columns holds.
        types: the Arrow type of each of its columns.
    """

    key: ForeignKey
    rule: Rule
    expressions: tuple[Expression, ...]
    types: tuple[pa.DataType, ...]

    def missed(self, rows: pa.Table, matching: Matching | None) -> Bools:
        """Whether each row leads nowhere; one with a null leads nowhere and need not."""
        if matching is None:
            return np.zeros(rows.num_rows, np.bool_)
        values = _evaluated(self.expressions, self.types, rows)
        there = np.all([v.is_valid().to_numpy(zero_copy_only=False) for v in values], axis=0)
        wanted = dict(zip(self.key.parent_columns, values, strict=True))
        # Which of several equal rows is found does not matter, so that any randomness does.
        return np.asarray(there & (matching(self.key.parent, wanted, np.random.default_rng(0)) < 0))


def lookups(
    table: Table, functions: tuple[SqlFunction, ...]
) -> tuple[tuple[Lookup, ...], tuple[tuple[Rule, str], ...]]:
    """The lookups of a table, and the keys that only the server can judge, with the reason."""
    known: list[Lookup] = []
    left: list[tuple[Rule, str]] = []
    for key in table.computed_keys:
        found = [_compiled(table, column, functions) for column in key.columns]
        sql = f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.parent}"
        opaque = [one.why for one in found if isinstance(one, Unevaluable)]
        expressions = tuple(one for one in found if isinstance(one, Expression))
        read = tuple(sorted({column for one in expressions for column in one.columns}))
        rule = Rule(key.name, sql, read)
        if opaque:
            left.append((rule, opaque[0]))
        elif key.validated:
            types = tuple(arrow_type(table.column(c).datatype) for c in key.columns)
            known.append(Lookup(key, rule, expressions, types))
    return tuple(known), tuple(left)


def stored(
    table: Table, columns: Iterable[str], functions: tuple[SqlFunction, ...]
) -> frozenset[str]:
    """Some columns, and in place of generated ones those that they are computed from."""
    wanted = frozenset(columns)
    own = frozenset(c for c in wanted if table.column(c).generated is None)
    found = [_compiled(table, column, functions) for column in wanted - own]
    return own.union(*(one.columns for one in found if isinstance(one, Expression)))


def computed(
    table: Table, column: str, functions: tuple[SqlFunction, ...], values: Callable[[str], pa.Array]
) -> pa.Array:
    """What a generated column holds where the stored columns have some values.

    Raises:
        Unmeetable: only the database can compute it.
    """
    found = _compiled(table, column, functions)
    if isinstance(found, Unevaluable):
        raise Unmeetable(f"{table.name}.{column}: keys lead to this column, and {found.why}")
    rows = pa.table({name: values(name) for name in found.columns})
    return _evaluated((found,), (arrow_type(table.column(column).datatype),), rows)[0]


def _compiled(
    table: Table, column: str, functions: tuple[SqlFunction, ...]
) -> Expression | Unevaluable:
    return compiled(_quoted(column), Scope(table, functions=functions))


def _evaluated(
    expressions: Sequence[Expression], types: Sequence[pa.DataType], rows: pa.Table
) -> list[pa.Array]:
    found = evaluate(expressions, rows)
    return [one.cast(kind) for one, kind in zip(found, types, strict=True)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
