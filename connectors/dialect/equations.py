"""Equalities that an expression demands, solved for each column that stands alone in a sum."""

from collections.abc import Iterator
from typing import cast

from sqlglot import exp

from connectors.dialect.expressions import bare, columns_read, stripped
from connectors.dialect.mentions import demands

_EQUALITIES = (exp.EQ, exp.NullSafeEQ)
_INEQUALITIES = (exp.NEQ, exp.NullSafeNEQ)


def solved(tree: exp.Expression) -> Iterator[tuple[str, exp.Expression]]:
    """Each column that a demanded equality sets, and what it sets it to.

    Casts around a column or a sum are ignored, so that what is set may have to be rounded.
    """
    for node in demands(tree):
        inner = stripped(node.this) if isinstance(node, exp.Not) else node
        wanted = _INEQUALITIES if isinstance(node, exp.Not) else _EQUALITIES
        if isinstance(inner, wanted):
            for one, other in ((inner.this, inner.expression), (inner.expression, inner.this)):
                yield from _isolated(one, other)


def _isolated(side: exp.Expression, other: exp.Expression) -> Iterator[tuple[str, exp.Expression]]:
    """Columns that are terms of a side, with what the rest must then be."""
    node = bare(side)
    if isinstance(node, exp.Column) and node.name not in columns_read(other):
        yield node.name, other
    elif isinstance(node, exp.Add):
        yield from _isolated(node.this, _joined(exp.Sub, other, node.expression))
        yield from _isolated(node.expression, _joined(exp.Sub, other, node.this))
    elif isinstance(node, exp.Sub):
        yield from _isolated(node.this, _joined(exp.Add, other, node.expression))
        yield from _isolated(node.expression, _joined(exp.Sub, node.this, other))


def _joined(
    operator: type[exp.Binary], left: exp.Expression, right: exp.Expression
) -> exp.Expression:
    found = operator(this=exp.paren(left), expression=exp.paren(right))
    return cast("exp.Expression", found)
