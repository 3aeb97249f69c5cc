"""What writes syntax trees as DuckDB's SQL, one function per kind of node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from connectors.datatypes import DataType, Kind
from connectors.dialect.casts import column_sql
from connectors.dialect.expressions import Scope, stripped
from connectors.dialect.regexes import Untranslatable

_SELECTS = (exp.Select, exp.Subquery, exp.Exists)
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes trees over the columns of one scope.

    Attributes:
        type_of: the DuckDB type of an expression over the scope's columns.
        writers: the function that writes each kind of node.
    """

    scope: Scope
    type_of: Callable[[str], str]
    writers: Mapping[type[exp.Expression], Callable[[Writer, Any], str]]

    def sql(self, node: exp.Expression) -> str:
        """The DuckDB SQL of a tree; Untranslatable names what has no counterpart."""
        if isinstance(node, _SELECTS):
            raise Untranslatable("a sub-select")
        write = self.writers.get(type(node))
        if write is None:
            raise unknown(node)
        return write(self, node)

    def column(self, node: exp.Column) -> str:
        """A column's value; one that travels as the text of a literal has none."""
        datatype = self.scope.columns[node.name]
        if datatype.kind is Kind.OTHER and datatype.plain != '"char"':
            raise Untranslatable(f"a value of type {datatype.sql}")
        return column_sql(node.name, datatype)

    def datatype(self, node: exp.Expression) -> DataType | None:
        """The declared type of a node that is one plain column."""
        plain = stripped(node)
        return self.scope.columns[plain.name] if isinstance(plain, exp.Column) else None

    def known_types(self) -> Mapping[str, DataType]:
        """The types of the columns, and of their elements, by their spelling."""
        types = list(self.scope.columns.values())
        types += [found.element for found in types if found.element is not None]
        short = {found.sql.rpartition(".")[2]: found for found in types}
        return short | {found.sql: found for found in types}


def unknown(node: exp.Expression) -> Untranslatable:
    """The error that shows a part of an expression which has no counterpart."""
    return Untranslatable(f"`{node.sql(dialect='postgres')[:_SHOWN]}`")
