"""Counts anew how many units hold what a model has released, without asking who released it.

What is counted are texts (categories, literals, elements, entries and constants of rules, listed
keys) and codes, which stand for a category, a spike, a bin, a shape or a group of values each.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.schema import TableName
from generators.encoding import FittedColumn
from generators.facts import stored
from generators.found import Found
from generators.model import DatabaseModel, TableModel
from generators.privacy.support import Ints
from generators.quoting import as_text
from generators.viewing import Library

_SPEAKING = frozenset({"cardinality", "constant", "presence"})
"""Kinds of rules whose constants are values; those of others are factors and units of time."""
_TEXTS = frozenset({"values", "literals", "texts", "element.values", "element.texts"})

Texts = Iterable[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Recount:
    """How many units hold the entries of one kind in one place.

    Attributes:
        place: table and column, or table and rule.
        kind: "code", "literal", "listed key", "rule entry" or "rule constant".
        entries: how many were released.
        fewest: the fewest units that hold one of them; None where none is held at all.
        unheld: entries that no unit holds: declared ones, or parts of values.
        below: entries that some units hold, but fewer than k.
    """

    place: str
    kind: str
    entries: int
    fewest: int | None
    unheld: int
    below: int


def audit(model: DatabaseModel, library: Library) -> Iterator[Recount]:
    """Recounts everything; `library` holds the training rows as they are in the source now.

    Rows that travel as they are were declared public, and are left out.
    """
    drawn = {name: one for name, one in model.tables.items() if name not in model.carried}
    for name, table in drawn.items():
        units = library.training[name].units
        for fitted in table.columns:
            values = stored(library.training[name], fitted.column.name)
            yield from _column(model.k, name, (table, fitted), values, units)
        yield from _listed(model.k, table, library)
    for found in model.invariants:
        yield from _rule(model.k, found, library)


def _column(
    k: int,
    name: TableName,
    learned: tuple[TableModel, FittedColumn],
    values: pa.Array,
    units: Ints,
) -> Iterator[Recount]:
    table, fitted = learned
    place = f"{name}.{fitted.column.name}"
    shares = table.histograms[fitted.column.name].value
    holders = _holders([(str(code),) for code in fitted.encode(values).tolist()], units)
    yield _recounted(k, place, "code", [(str(c),) for c in np.flatnonzero(shares)], holders)
    literals = [(text,) for text in _literals(fitted)]
    if literals:
        yield _recounted(k, place, "literal", literals, _text_holders(values, units))


def _literals(fitted: FittedColumn) -> set[str]:
    """The released texts of a column that are whole values, or whole elements of arrays."""
    return {
        text
        for name, released in fitted.generator.released().items()
        if name in _TEXTS
        for text in _plain(released.value)
        if isinstance(text, str)
    }


def _listed(k: int, table: TableModel, library: Library) -> Iterator[Recount]:
    for column, key in table.keys.items():
        entries = [(str(text),) for text in _plain(key.released().get("values"))]
        if entries and key.kind != "listed":  # what a check lists is declared
            values = stored(library.training[table.name], column)
            holders = _text_holders(values, library.training[table.name].units)
            yield _recounted(k, f"{table.name}.{column}", "listed key", entries, holders)


def _rule(k: int, found: Found, library: Library) -> Iterator[Recount]:
    rule, state = found.rule, found.known
    place, units = f"{rule.table}: {found.words}", library.training[rule.table].units
    columns = [as_text(library.column(rule.table, term)).to_pylist() for term in rule.terms]
    if "held" in state:
        entries = list(_entries(state, len(rule.terms) - 1))
        holders = _holders(zip(*columns, strict=True), units)
        if entries:
            yield _recounted(k, place, "rule entry", entries, holders)
    said = [(text,) for text in rule.constants] if rule.kind in _SPEAKING else []
    said += [(str(text),) for text in _plain(state.get("others"))]
    if said and not rule.declared:
        each = [_holders(((v,) for v in column), units) for column in columns]
        yield _recounted(k, place, "rule constant", said, _most(each))


def _entries(state: Mapping[str, Any], given: int) -> Iterator[tuple[str, ...]]:
    parts = [state[f"given_{number}"].to_pylist() for number in range(given)]
    yield from zip(*parts, state["held"].to_pylist(), strict=True)


def _text_holders(values: pa.Array, units: Ints) -> Mapping[tuple[str, ...], set[int]]:
    """The units that hold each text; of an array, each element."""
    if pa.types.is_nested(values.type):
        found: dict[tuple[str, ...], set[int]] = defaultdict(set)
        for several, unit in zip(values.to_pylist(), units.tolist(), strict=True):
            for one in several or ():
                found[str(one),].add(unit)
        return found
    return _holders(((text,) for text in as_text(values).to_pylist()), units)


def _holders(rows: Iterable[tuple[Any, ...]], units: Ints) -> Mapping[tuple[str, ...], set[int]]:
    found: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for row, unit in zip(rows, units.tolist(), strict=True):
        found[row].add(unit)
    return found


def _most(each: list[Mapping[tuple[str, ...], set[int]]]) -> Mapping[tuple[str, ...], set[int]]:
    """Of several columns, the units of the one in which most hold a text."""
    texts = {text for one in each for text in one}
    return {t: max((one.get(t, set()) for one in each), key=len) for t in texts}


def _recounted(
    k: int, place: str, kind: str, entries: Texts, holders: Mapping[tuple[str, ...], set[int]]
) -> Recount:
    numbers = [len(holders.get(entry, ())) for entry in entries]
    held = [number for number in numbers if number]
    below = sum(number < k for number in held)
    return Recount(
        place, kind, len(numbers), min(held, default=None), len(numbers) - len(held), below
    )


def _plain(value: Any) -> list[Any]:
    if isinstance(value, pa.Array):
        return list(value.to_pylist())
    return list(value) if isinstance(value, list) else []
