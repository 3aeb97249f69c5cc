"""Literals of PostgreSQL's range types as pairs of numbers, and ranges that may not overlap."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import Exclusion, Table
from generators.distinct import spread
from generators.privacy.support import Floats, Ints

_DAY = 86_400_000_000
_TIMES = {"daterange": _DAY, "tsrange": 1, "tstzrange": 1}
NUMBERS = {"int4range": 1, "int8range": 1, "numrange": 100}
SCALES = {**_TIMES, **NUMBERS}
"""Range types; times count in steps of so many microseconds, numbers in such fractions."""

_LITERAL = r'^[\[\(]"?(?P<low>[^",]*)"?,"?(?P<high>[^",\)\]]*)"?[\)\]]$'
_NUMBER = r"^-?\d{1,15}(\.\d+)?$"
_MOMENT = r"^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d+)?)?(\+00)?$"
_EXCLUDE = re.compile(r"EXCLUDE USING \w+ \((?P<elements>[^()]*)\)")
_ELEMENT = re.compile(r'(?P<column>"(?:[^"]|"")+"|\w+) WITH (?P<operator>\S+)')


@dataclass(frozen=True, slots=True)
class Overlap:
    """An exclusion of the common kind: among rows equal in some columns, ranges stay apart."""

    equal: tuple[str, ...]
    span: str


def overlap(table: Table, exclusion: Exclusion) -> Overlap | None:
    """The exclusion as an `Overlap`; None where it is of another kind."""
    whole = _EXCLUDE.match(exclusion.sql)
    if whole is None:
        return None
    found = [_ELEMENT.fullmatch(part.strip()) for part in whole["elements"].split(",")]
    pairs = [(_unquoted(m["column"]), m["operator"]) for m in found if m is not None]
    spans = [c for c, operator in pairs if operator == "&&"]
    equal = tuple(c for c, operator in pairs if operator == "=")
    known = {c.name: c.datatype.plain for c in table.written}
    if len(equal) + 1 != len(found) or len(spans) != 1 or known.get(spans[0]) not in SCALES:
        return None
    return Overlap(equal, spans[0]) if set(equal) <= set(known) else None


def apart(group: Ints, values: pa.Array, sql: str) -> pa.Array:
    """Cuts ranges short, and moves those that start together, so that none of a group overlap.

    Args:
        group: a number per row, equal for rows whose ranges must not overlap.
        values: range literals, none of them null.
        sql: the range type.
    """
    low, high = bounds(values, sql)
    starts = spread(group, np.where(np.isnan(low), 0, low).astype(np.int64))
    order = np.lexsort((starts, group))
    together = np.append(group[order][1:] == group[order][:-1], False)
    following = np.append(starts[order][1:], 0)
    ends = np.where(np.isnan(high), np.inf, np.maximum(high, starts + 1))[order]
    ends = np.where(together, np.minimum(ends, following), ends)
    cut = np.empty_like(ends)
    cut[order] = np.where(np.isinf(ends), np.nan, ends)
    return literals(starts.astype(np.float64), cut, sql)


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
