"""A value is taken out of others: a part of a date, a piece of a text, a name put together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import NUMBERS, DataType, Kind, arrow_type
from connectors.invariants import Claim, Invariant, Term, bounded, row_claim
from connectors.schema import Schema
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.expressions import PARTS, computed, said
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, View
from generators.magnitudes import stored
from generators.privacy.support import distinct
from generators.quantities import quantities

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_SAMPLE = 200
_TOLERATED = 0.02
"""Share of a sample that may break what is then counted in all rows."""
_TELLING = 0.05
"""Share of rows that must break a rule once any one of its operands is of another row."""
_DIVISORS = ("10", "60", "100", "1000")
_SEPARATORS = ("", " ", ".", "-", ", ", "_")
_LONGEST_PREFIX = 8
_MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_FLAGS = ("positive", "zero", "nonzero")
_NULL_FLAGS = ("null", "known")
_MOST_OF_PART = 9999
"""The greatest number that a part of a moment may be."""
_LOCAL_PARTS = ("hour", "day", "month", "year", "isodow", "doy")
_PLACES = """
America: New_York Chicago Denver Los_Angeles Phoenix Anchorage Halifax St_Johns Sao_Paulo
America: Mexico_City Bogota Caracas
Europe: London Berlin Athens Moscow Istanbul
Africa: Lagos Cairo Johannesburg Nairobi
Asia: Dubai Tehran Karachi Kolkata Kathmandu Dhaka Bangkok Shanghai Tokyo
Australia: Perth Adelaide Brisbane Sydney
Pacific: Honolulu Auckland
"""
"""Places that stand for all others with their clocks, those of most people first."""
_ZONES = tuple(
    f"{part}/{city}"
    for part, _, cities in (line.partition(": ") for line in _PLACES.strip().splitlines())
    for city in cities.split()
)


@dataclass(frozen=True, slots=True)
class _Guess:
    """A form with its operands' columns and constants."""

    form: str
    operands: tuple[str, ...]
    constants: tuple[str, ...] = ()


class Computed(Plain):
    """`a = extract(year from b)` and the like; see `generators.expressions`."""

    name: ClassVar[str] = "computed"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; one rule for each column, and none that another one turns round."""
        rows, told = _rows(view), set[tuple[str, str]]()
        kept = (q for q in quantities(view) if q.kind in NUMBERS and not q.term.keys)
        amounts = [q.term.column for q in kept]
        for target in _ordered(view):
            for guess in _guesses(view, target, rows, amounts):
                if any((o, target) in told for o in guess.operands):
                    continue
                if _fits(rows, target, guess) and _stands(view, target, guess):
                    told |= {(target, o) for o in guess.operands}
                    yield _rule(view, target, guess)
                    break

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        left, *operands = (str(term) for term in rule.terms)
        left = f"{left} at time zone 'UTC'" if rule.form == "moment utc" else left
        return f"{left} = {said(rule.form, operands, rule.constants)}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        left, *operands = [f"{{{n}}}" for n in range(len(rule.terms))]
        left = f"({left} at time zone 'UTC')" if rule.form == "moment utc" else left
        if rule.form in (*_FLAGS, "quotient", "remainder"):
            operands = [f"{o}::numeric" for o in operands]
        if rule.form == "age":
            operands = [bounded(o) for o in operands]
        holes = [f"\0{n}\0" for n in range(len(rule.terms))]
        text = said(rule.form, [o.format(*holes) for o in operands], rule.constants)
        text = text.replace("{", "{{").replace("}", "}}")
        for n, hole in enumerate(holes):
            text = text.replace(hole, f"{{{n}}}")
        return row_claim(schema, rule, f"{left} = {text}")

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`."""
        return (rule.terms[0].column,)

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        drawn, *operands = (scene.values(term) for term in rule.terms)
        wrong, spoken = _wrong(drawn, computed(rule.form, operands, rule.constants))
        return np.asarray(wrong & spoken)

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; what is null stays so."""
        del state
        drawn, *operands = (drawing.scene.values(term) for term in rule.terms)
        wanted = computed(rule.form, operands, rule.constants)
        fresh = _as(wanted, drawing.scene.table.column(drawing.target).datatype)
        return pc.if_else(pc.and_(fresh.is_valid(), drawn.is_valid()), fresh, drawn)


def _rule(view: View, target: str, guess: _Guess) -> Invariant:
    terms = tuple(map(Term, (target, *guess.operands)))
    name = Computed.name
    return Invariant(name, guess.form, view.table.name, terms, constants=guess.constants)


def _as(values: pa.Array, datatype: DataType) -> pa.Array:
    """What an expression gives, as values of a column."""
    if datatype.kind in NUMBERS:
        known = values.is_valid().to_numpy(zero_copy_only=False)
        numbers = pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        return stored(numbers, known, datatype)
    if datatype.kind is Kind.TEXT and datatype.length is not None:
        return pc.utf8_slice_codeunits(values, 0, datatype.length)
    return values.cast(arrow_type(datatype))


def _rows(view: View) -> Mapping[str, pa.Array]:
    """A sample of the rows, by column."""
    few = view.few[shuffled(len(view.few))[:_SAMPLE]]
    return {t.column: view.values(t).take(pa.array(few)) for t in view.terms if not t.keys}


def _ordered(view: View) -> list[str]:
    """Columns that may be computed; whole moments first, since their parts follow from them."""
    keys = {c for key in view.table.foreign_keys for c in key.columns}
    keys |= set(view.table.primary_key.columns if view.table.primary_key else ())
    found = [c for c in view.table.written if c.name not in keys]
    return [c.name for c in sorted(found, key=lambda c: c.datatype.kind not in _MOMENTS)]


def _guesses(
    view: View, target: str, rows: Mapping[str, pa.Array], amounts: Sequence[str]
) -> Iterator[_Guess]:
    """What a column may be, by its type; `_fits` judges it on the sample."""
    kinds = {c.name: c.datatype.kind for c in view.table.written if c.name != target}
    own = view.table.column(target).datatype
    numbers = [n for n in amounts if n != target]
    if own.kind in NUMBERS:
        yield from _of_times(kinds)
        yield from _of_clocks(rows, target, kinds)
        yield from _divided(rows, target, numbers)
        yield from (_Guess("length", (c,)) for c, k in kinds.items() if k is Kind.TEXT)
    elif own.kind is Kind.BOOLEAN:
        yield from (_Guess(form, (n,)) for n in numbers for form in _FLAGS)
        yield from (_Guess(form, (c,)) for c in kinds for form in _NULL_FLAGS)
    elif own.kind in _MOMENTS:
        yield from _moments(own.kind, kinds, numbers)
    elif own.kind is Kind.TEXT and not own.padded:
        texts = [c for c, k in kinds.items() if k is Kind.TEXT]
        yield from _of_texts(rows, target, texts)


def _divided(rows: Mapping[str, pa.Array], target: str, numbers: Sequence[str]) -> Iterator[_Guess]:
    """Quotients and remainders that are about as great as the target."""
    most = {c: _most(rows[c]) for c in (target, *numbers)}
    for column in numbers:
        for divisor in _DIVISORS:
            whole = most[column] / float(divisor)
            if whole >= 1 and whole / 4 <= most[target] + 1 <= whole * 4 + 4:
                yield _Guess("quotient", (column,), (divisor,))
            if whole >= 1 and most[target] < float(divisor):
                yield _Guess("remainder", (column,), (divisor,))


def _most(values: pa.Array) -> float:
    return float(pc.max(pc.abs(values.cast(pa.float64(), safe=False))).as_py() or 0)


def _of_times(kinds: Mapping[str, Kind]) -> Iterator[_Guess]:
    for column, kind in kinds.items():
        if kind in _MOMENTS:
            zone = " utc" if kind is Kind.TIMESTAMPTZ else ""
            for part in PARTS:
                if kind is not Kind.DATE or part not in ("hour", "minute"):
                    yield _Guess(part + zone, (column,))
    dates = [c for c, k in kinds.items() if k is Kind.DATE]
    yield from (_Guess("age", pair) for pair in permutations(dates, 2))


def _of_clocks(
    rows: Mapping[str, pa.Array], target: str, kinds: Mapping[str, Kind]
) -> Iterator[_Guess]:
    """Parts of moments as clocks of some place show them, where not all zones agree."""
    if _most(rows[target]) > _MOST_OF_PART:
        return
    suffixes = {Kind.TIMESTAMPTZ: "local", Kind.TIMESTAMP: "utc local"}
    moments = {c: suffixes[kind] for c, kind in kinds.items() if kind in suffixes}
    for (column, suffix), part in product(moments.items(), _LOCAL_PARTS):
        yield from (_Guess(f"{part} {suffix}", (column,), (zone,)) for zone in _ZONES)


def _moments(kind: Kind, kinds: Mapping[str, Kind], numbers: Sequence[str]) -> Iterator[_Guess]:
    if kind is Kind.DATE:
        for column, other in kinds.items():
            if other in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
                yield _Guess("date utc" if other is Kind.TIMESTAMPTZ else "date", (column,))
        return
    zone = " utc" if kind is Kind.TIMESTAMPTZ else ""
    for day in (c for c, k in kinds.items() if k is Kind.DATE):
        if not zone:
            yield from (_Guess("clock", (day, c)) for c, k in kinds.items() if k is Kind.TIME)
        whole = [n for n in numbers if kinds.get(n) is Kind.INTEGER]
        yield from (_Guess("moment" + zone, (day, hour)) for hour in whole)
        yield from (_Guess("moment" + zone, (day, *pair)) for pair in permutations(whole, 2))


def _of_texts(rows: Mapping[str, pa.Array], target: str, texts: Sequence[str]) -> Iterator[_Guess]:
    longest = pc.max(pc.utf8_length(rows[target])).as_py() or 0
    for column in texts:
        yield from (_Guess(form, (column,)) for form in ("lower text", "upper text"))
        if longest <= _LONGEST_PREFIX:
            for case in ("", "lower ", "upper "):
                yield _Guess(f"{case}left", (column,), (str(longest),))
                yield _Guess(f"{case}initials", (column,))
    for case in ("", "lower "):
        yield from _joins(rows, target, texts, case)


def _joins(
    rows: Mapping[str, pa.Array], target: str, texts: Sequence[str], case: str
) -> Iterator[_Guess]:
    """Texts that a column begins with, one after the other, and what then is always left."""
    cased = {c: pc.utf8_lower(rows[c]) if case else rows[c] for c in texts}
    whole = rows[target]
    for first in texts:
        rest = _without(whole, cased[first])
        if rest is None:
            continue
        yield from _ending(rest, (first,), "", case)
        for separator in _SEPARATORS:
            yield from _continued(rest, (first,), separator, cased, case)


def _continued(
    rest: pa.Array,
    taken: tuple[str, ...],
    separator: str,
    cased: Mapping[str, pa.Array],
    case: str,
) -> Iterator[_Guess]:
    behind = _without(rest, pa.array([separator] * len(rest)))
    if behind is None or len(taken) == 3:
        return
    for column, values in cased.items():
        after = None if column in taken else _without(behind, values)
        if after is not None:
            yield from _ending(after, (*taken, column), separator, case)
            yield from _continued(after, (*taken, column), separator, cased, case)


def _ending(rest: pa.Array, taken: tuple[str, ...], separator: str, case: str) -> Iterator[_Guess]:
    counted = pc.value_counts(rest.drop_null()).to_pylist()
    most = max(counted, key=lambda entry: entry["counts"], default=None)
    alone = len(taken) == 1
    if most is None or (alone and not most["values"]):
        return
    if most["counts"] >= (1 - _TOLERATED) * (len(rest) - rest.null_count):
        yield _Guess(f"{case}joined", taken, (separator, most["values"]))


def _without(whole: pa.Array, start: pa.Array) -> pa.Array | None:
    """What is left of texts behind others that nearly all begin with; null where they do not."""
    pairs = zip(whole.to_pylist(), start.to_pylist(), strict=True)
    both = list(pairs)
    known = [w.startswith(s) for w, s in both if w is not None and s is not None]
    if len(known) < _SAMPLE // 20 or sum(known) < (1 - _TOLERATED) * len(known):
        return None
    return pa.array(
        [w[len(s) :] if w and s is not None and w.startswith(s) else None for w, s in both],
        pa.string(),
    )


def _fits(rows: Mapping[str, pa.Array], target: str, guess: _Guess) -> bool:
    """Whether the sample keeps a rule."""
    found = computed(guess.form, [rows[o] for o in guess.operands], guess.constants)
    wrong, spoken = _wrong(rows[target], found)
    return bool(spoken.any() and wrong.sum() <= _TOLERATED * spoken.sum())


def _wrong(left: pa.Array, right: pa.Array) -> tuple[Bools, Bools]:
    """Rows that differ, and rows in which both are known."""
    if pa.types.is_timestamp(left.type):
        left, right = left.cast(pa.timestamp("us")), right.cast(pa.timestamp("us"))
    elif not (pa.types.is_string(left.type) or pa.types.is_date32(left.type)):
        left, right = (pc.cast(v, pa.float64(), safe=False) for v in (left, right))
    off = pc.not_equal(left, right)
    both = off.is_valid().to_numpy(zero_copy_only=False)
    return pc.fill_null(off, False).to_numpy(zero_copy_only=False), both


def _stands(view: View, target: str, guess: _Guess) -> bool:
    """Whether all rows keep a rule, it is no equality, and each operand matters."""
    left = view.values(Term(target))
    operands = [view.values(Term(o)) for o in guess.operands]
    wrong, spoken = _wrong(left, computed(guess.form, operands, guess.constants))
    if distinct(view.units[spoken & ~wrong]) < view.support.k:
        return False
    if pc.count_distinct(left.filter(pa.array(spoken & ~wrong))).as_py() == 1:
        return False  # a constant of these rows, whatever else they have
    if left.type == operands[0].type and len(operands) == 1:
        other, both = _wrong(left, operands[0])
        if (other & both).sum() <= _TOLERATED * both.sum():
            return False
    chance = _chance(view, left, operands, guess)
    return chance >= _TELLING and holds(wrong, spoken, view.units, chance, view.support.k)


def _chance(view: View, left: pa.Array, operands: Sequence[pa.Array], guess: _Guess) -> float:
    """Share of rows that break a rule once its least telling operand is of another row."""
    few = view.few
    own, lowest = [v.take(pa.array(few)) for v in operands], 1.0
    drawn, mixed = left.take(pa.array(few)), pa.array(shuffled(len(few)))
    for place in range(len(own)):
        others = [v.take(mixed) if n == place else v for n, v in enumerate(own)]
        wrong, spoken = _wrong(drawn, computed(guess.form, others, guess.constants))
        lowest = min(lowest, float(wrong.sum()) / max(1, int(spoken.sum())))
    return lowest


invariant: type[InvariantKind] = Computed
