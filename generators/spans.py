"""Literals of PostgreSQL's range types as pairs of numbers, and ranges that may not overlap."""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind
from connectors.schema import Exclusion, Table, Unique
from generators.distinct import spread
from generators.privacy.support import Floats, Ints
from generators.relations.beats import moments, ticks

_DAY = 86_400_000_000
_TIMES = {"daterange": _DAY, "tsrange": 1, "tstzrange": 1}
NUMBERS = {"int4range": 1, "int8range": 1, "numrange": 100}
SCALES = {**_TIMES, **NUMBERS}
"""Range types; times count in steps of so many microseconds, numbers in such fractions."""

_LITERAL = r'^[\[\(]"?(?P<low>[^",]*)"?,"?(?P<high>[^",\)\]]*)"?[\)\]]$'
_NUMBER = r"^-?\d{1,15}(\.\d+)?$"
_MOMENT = r"^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d+)?)?(\+00)?$"
_EXCLUDE = re.compile(r"EXCLUDE USING \w+ \(")
_WHERE = re.compile(r"\) WHERE \((?P<predicate>.*)\)")
_COLUMN = r'"(?:[^"]|"")+"|\w+'
_ELEMENT = re.compile(r"(?P<thing>.+) WITH (?P<operator>\S+)")
_FROM_ENDS = re.compile(
    rf"(?P<type>\w+)\((?P<low>{_COLUMN}), (?P<high>{_COLUMN})(, '(?P<form>\[\]|\[\))'::text)?\)"
)
_ENDS = {
    "daterange": Kind.DATE,
    "tsrange": Kind.TIMESTAMP,
    "tstzrange": Kind.TIMESTAMPTZ,
    "int4range": Kind.INTEGER,
    "int8range": Kind.INTEGER,
}


@dataclass(frozen=True, slots=True)
class Overlap:
    """An exclusion of the common kind: among rows equal in some columns, ranges stay apart.

    Attributes:
        columns: that of the range, or those of its start and end.
        closed: whether an end belongs to its range.
    """

    equal: tuple[str, ...]
    columns: tuple[str, ...]
    closed: bool = False


def overlap(table: Table, exclusion: Exclusion) -> Overlap | None:
    """The exclusion as an `Overlap`; None where it is of another kind."""
    pairs = _elements(exclusion)
    spans = [thing for thing, operator in pairs if operator == "&&"]
    equal = tuple(_unquoted(thing) for thing, operator in pairs if operator == "=")
    written = {c.name for c in table.written}
    if len(spans) != 1 or len(equal) + 1 != len(pairs) or not set(equal) <= written:
        return None
    return _of_column(table, equal, spans[0]) or _of_ends(table, equal, spans[0])


def equality(table: Table, exclusion: Exclusion) -> Unique | None:
    """The exclusion as a unique key, where it forbids nothing but equal columns."""
    pairs = _elements(exclusion)
    columns = tuple(_unquoted(thing) for thing, _ in pairs)
    if {operator for _, operator in pairs} != {"="} or not set(columns) <= _names(table):
        return None
    found = _WHERE.search(exclusion.sql)
    return Unique(exclusion.name, columns, predicate=found["predicate"] if found else None)


def _names(table: Table) -> set[str]:
    return {c.name for c in table.columns}


def _elements(exclusion: Exclusion) -> list[tuple[str, str]]:
    """What is compared and by which operator; empty where the definition cannot be read."""
    begin = _EXCLUDE.match(exclusion.sql)
    if begin is None:
        return []
    rest = exclusion.sql[begin.end() :]
    # A predicate may follow: rows outside of it are kept apart as well, which does no harm.
    end = int(np.flatnonzero(_depth(rest) < 0)[0])
    found = [_ELEMENT.fullmatch(part.strip()) for part in _parted(rest[:end])]
    return [(m["thing"], m["operator"]) for m in found if m is not None] if all(found) else []


def _parted(text: str) -> list[str]:
    """The parts between commas outside of parentheses."""
    depth = _depth(text)
    cuts = [i for i, c in enumerate(text) if c == "," and depth[i] == 0]
    return [text[a + 1 : b] for a, b in pairwise([-1, *cuts, len(text)])]


def _depth(text: str) -> Ints:
    """How many parentheses are open behind each character."""
    return np.cumsum([{"(": 1, ")": -1}.get(c, 0) for c in text])


def _of_column(table: Table, equal: tuple[str, ...], thing: str) -> Overlap | None:
    known = {c.name: c.datatype.plain for c in table.written}
    name = _unquoted(thing)
    return Overlap(equal, (name,)) if known.get(name) in SCALES else None


def _of_ends(table: Table, equal: tuple[str, ...], thing: str) -> Overlap | None:
    """A range made of two columns of the type of its ends."""
    found = _FROM_ENDS.fullmatch(thing)
    kinds = {c.name: c.datatype.kind for c in table.written}
    if found is None or found["type"] not in _ENDS:
        return None
    ends = _unquoted(found["low"]), _unquoted(found["high"])
    fits = all(kinds.get(end) is _ENDS[found["type"]] for end in ends)
    return Overlap(equal, ends, found["form"] == "[]") if fits else None


def apart(group: Ints, values: pa.Array, sql: str) -> pa.Array:
    """Cuts ranges short, and moves those that start together, so that none of a group overlap.

    Args:
        group: a number per row, equal for rows whose ranges must not overlap.
        values: range literals, none of them null.
        sql: the range type.
    """
    starts, ends = _cut(group, *bounds(values, sql))
    return literals(starts, ends, sql)


def apart_by_ends(
    group: Ints, low: tuple[pa.Array, DataType], high: tuple[pa.Array, DataType], *, closed: bool
) -> tuple[pa.Array, pa.Array]:
    """The same of ranges whose ends stand in two columns, with their types."""
    first, last = (_counted(values) for values, _ in (low, high))
    starts, ends = _cut(group, first, last + closed)
    open_end = pa.array(np.isnan(ends))
    ended = moments(np.nan_to_num(ends).astype(np.int64) - closed, high[1])
    return moments(starts.astype(np.int64), low[1]), pc.if_else(open_end, None, ended)


def _counted(values: pa.Array) -> Floats:
    known = values.is_valid().to_numpy(zero_copy_only=False)
    return np.where(known, ticks(values).astype(np.float64), np.nan)


def _cut(group: Ints, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Starts that differ in each group, and ends that come before the next start."""
    starts = spread(group, np.where(np.isnan(low), 0, low).astype(np.int64))
    order = np.lexsort((starts, group))
    together = np.append(group[order][1:] == group[order][:-1], False)
    following = np.append(starts[order][1:], 0)
    ends = np.where(np.isnan(high), np.inf, np.maximum(high, starts + 1))[order]
    ends = np.where(together, np.minimum(ends, following), ends)
    cut = np.empty_like(ends)
    cut[order] = np.where(np.isinf(ends), np.nan, ends)
    return starts.astype(np.float64), cut


def literals(low: Floats, high: Floats, sql: str) -> pa.Array:
    """Literals closed below and open above; a NaN bound is left out."""
    texts = [pc.if_else(pa.array(np.isnan(b)), "", _written(b, sql)) for b in (low, high)]
    inside = pc.binary_join_element_wise(*texts, ",")
    return pc.binary_join_element_wise("[", inside, ")", "")


def bounds(values: pa.Array, sql: str) -> tuple[Floats, Floats]:
    """Bounds as whole days, microseconds, numbers or hundredths; NaN where there is none."""
    parts = pc.extract_regex(values, _LITERAL)
    if not len(parts):
        return np.empty(0), np.empty(0)
    read = _read_time if sql in _TIMES else _read_number
    scale = SCALES[sql]
    return read(parts.field("low"), scale), read(parts.field("high"), scale)


def _read_number(texts: pa.Array, scale: int) -> Floats:
    known = pc.fill_null(pc.match_substring_regex(texts, _NUMBER), False)
    numbers = pc.cast(pc.if_else(known, texts, None), pa.float64())
    return np.asarray(np.rint(numbers.to_numpy(zero_copy_only=False) * scale))


def _read_time(texts: pa.Array, step: int) -> Floats:
    known = pc.fill_null(pc.match_substring_regex(texts, _MOMENT), False)
    plain = pc.replace_substring(pc.if_else(known, texts, None), "+00", "")
    moments = pc.cast(pc.cast(plain, pa.timestamp("us")), pa.int64())
    return (
        np.asarray(pc.cast(moments, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        // step
    )


def _written(bound: Floats, sql: str) -> pa.Array:
    bounds = np.nan_to_num(bound).astype(np.int64)
    if sql in _TIMES:
        moments = pa.array(bounds * _TIMES[sql]).cast(pa.timestamp("us"))
        text = pc.cast(moments.cast(pa.date32()) if sql == "daterange" else moments, pa.string())
        return pc.binary_join_element_wise(text, "+00", "") if sql == "tstzrange" else text
    if sql == "numrange":
        return pc.cast(pa.array(bounds / NUMBERS[sql]), pa.string())
    return pc.cast(pa.array(bounds), pa.string())


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
