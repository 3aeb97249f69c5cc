"""Columns that together tell rows apart though no key says so: a flight by its day and number."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, quoted, relation
from connectors.schema import Column, Schema
from generators.distinct import enumerated, patched, spread_out, surplus
from generators.evidence import MOST_BROKEN, shuffled
from generators.freeing import freed
from generators.hashing import folded
from generators.invariants import Drawing, InvariantKind, Part, Plain, Postponement, Together, View
from generators.magnitudes import step_of
from generators.naming import named_alone, named_together
from generators.privacy.support import distinct
from generators.redrawing import filled
from generators.updates import updated

Ints = npt.NDArray[np.int64]

_NAMING = frozenset(
    {Kind.INTEGER, Kind.TEXT, Kind.ENUM, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.UUID}
)
"""Kinds of columns that tell things apart; measures do so by chance alone."""
_WIDEST = 4
_MOST_COLUMNS = 12
_MOST_SETS = 500
_EXPECTED = 20.0
"""Repeated rows that chance would bring."""
_ROUNDS = 8
_MOST_DRAWS = 12
"""Draws per shard: exp(-12) of the rows find none of their own."""
_FEW = 20_000
_SLACK = 3.0
"""How much more often a few rows may repeat before all are looked at."""
_RARER = 20.0
_FILLED = 0.9
"""Share of rows in which a column is filled that tells rows apart beside others."""
_MINUTE = 60e6
_WHOLE = frozenset({Kind.INTEGER, Kind.DATE})
_BUT_BLANK = "unique but for blanks"
"""The form of a rule of texts that speaks of none without a letter, as if those were null."""


class Unique(Plain, Together):
    """No two rows hold the same values."""

    name: ClassVar[str] = "unique"
    part: ClassVar[Part] = Part.PARTS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; only sets none of whose parts, or of a declared key, is unique."""
        for names in _found(view):
            terms = tuple(Term(name) for name in names)
            yield Invariant(cls.name, "unique", view.table.name, terms)
        for name in _unique_but_blank(view):
            yield Invariant(cls.name, _BUT_BLANK, view.table.name, (Term(name),))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        return f"unique ({', '.join(rule.columns)})" + " but for ''" * (rule.form == _BUT_BLANK)

    @classmethod
    def claim(cls, rule: Invariant, _schema: Schema) -> Claim:
        """See `InvariantKind`; a row that repeats an earlier one breaks it."""
        listed = ", ".join(f"r.{quoted(c)}" for c in rule.columns)
        some = " AND ".join(f"r.{quoted(c)} IS NOT NULL" for c in rule.columns)
        some += f" AND r.{quoted(rule.columns[0])} <> ''" * (rule.form == _BUT_BLANK)
        return Claim(
            f"SELECT row_number() OVER (PARTITION BY {listed}) = 1 AS holds"  # noqa: S608 # quoted
            f" FROM {relation(rule.table)} AS r WHERE {some}"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`."""
        return rule.columns[::-1]

    @classmethod
    def realise(cls, rule: Invariant, _state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; repeated values are drawn again first, then moved to free ones."""
        drawn = drawing.scene.values(Term(drawing.target))
        if rule.form != _BUT_BLANK:
            return _apart(rule, drawing, drawn)
        blank = pc.fill_null(pc.equal(drawn, ""), fill_value=False)
        return pc.if_else(blank, drawn, _apart(rule, drawing, pc.if_else(blank, None, drawn)))

    @classmethod
    def postponed(
        cls, rule: Invariant, column: str, _state: Mapping[str, Any], schema: Schema
    ) -> Postponement | None:
        """See `Postponable`; what repeats takes over values of rows alike that are free."""
        table, others = schema.table(rule.table), [c for c in rule.columns if c != column]
        if rule.form != "unique" or not others:
            return None
        values = freed(table, column, others)
        sql = None if values is None else updated(table, column, values)
        if sql is None:
            return None
        # Without statistics, the server would compare each row with each other one.
        sql = f"SET LOCAL enable_nestloop = off; {sql}"
        return Postponement(sql, tuple((rule.table, c) for c in others))


def _apart(rule: Invariant, drawing: Drawing, values: pa.Array) -> pa.Array:
    """Values of the target that do not repeat beside the same ones of the other columns."""
    scene, target = drawing.scene, drawing.target
    others = [scene.values(Term(c)) for c in rule.columns if c != target]
    mine = _share_of(drawing) if not others else (0, 1)
    again = np.union1d(surplus([*others, values]), _astray(values, mine))
    for _ in range(0 if drawing.tight else max(_ROUNDS, _MOST_DRAWS * (mine[1] - 1))):
        if not len(again):
            return values
        values = patched(values, again, drawing.again(target, again))
        left = _astray(values.take(pa.array(again)), mine)
        again = np.union1d(surplus([*others, values], again), again[left])
    if not len(again):
        return values
    known = _values_known(drawing)
    if known is not None:
        enough = _enough(drawing, known, len(again))
        kept = np.delete(np.arange(len(enough)), _astray(enough, mine))
        return _enumerated(others, values, enough.take(pa.array(kept)))
    try:
        return spread_out(others, values, scene.table.column(target))
    except pa.ArrowInvalid:  # no room in its type: some rows go on repeating
        return values


def _share_of(drawing: Drawing) -> tuple[int, int]:
    """Which of how many shares of all texts a shard draws, so that no other one draws them too."""
    kind = drawing.scene.table.column(drawing.target).datatype.kind
    return drawing.share if kind is Kind.TEXT else (0, 1)


def _astray(values: pa.Array, mine: tuple[int, int]) -> Ints:
    """The texts that are those of another shard, by a number of theirs."""
    if mine[1] == 1:
        return np.empty(0, np.int64)
    others = (folded(values) % np.uint64(mine[1])).astype(np.int64) != mine[0]
    return np.flatnonzero(others & filled(values))


def _found(view: View) -> Iterator[tuple[str, ...]]:
    """Sets of columns that would repeat by chance, then those that name rows by what they are.

    What a column is called needs no rows to tell that it is no accident.
    """
    found = [set(u.columns) for u in view.table.uniques if u.whole]
    codes = {c.name: view.codes(Term(c.name)) for c in _usable(view)}
    enough = distinct(view.units) >= view.support.k
    for size in range(1, _WIDEST + 1) if enough else ():
        sets = combinations(codes, size)
        fresh = [s for s in sets if not any(k <= set(s) for k in found)]
        for names in fresh[:_MOST_SETS]:
            if _is_unique(view, names, codes):
                found.append(set(names))
                yield names
    for names in named_together(view):
        fresh_one = not any(known <= set(names) for known in found)
        if fresh_one and _differs(view, [view.codes(Term(name)) for name in names]):
            found.append(set(names))
            yield names
    for name in named_alone(view):
        if {name} not in found and _is_named(view.codes(Term(name))):
            yield (name,)


def _is_named(codes: Ints) -> bool:
    """Whether each of several rows has a value, and one of its own; nothing of it is told."""
    return len(codes) > 1 and bool((codes >= 0).all()) and not _repeats([codes], None)


def _unique_but_blank(view: View) -> Iterator[str]:
    """Texts that only repeat where they are empty, as a number that nobody has left."""
    alone = {u.columns[0] for u in view.table.uniques if u.whole and len(u.columns) == 1}
    for column in view.table.written:
        if column.datatype.kind is not Kind.TEXT or column.name in alone:
            continue
        codes, values = view.codes(Term(column.name)), view.values(Term(column.name))
        blank = pc.fill_null(pc.equal(values, ""), fill_value=False)
        filled = np.where(blank.to_numpy(zero_copy_only=False), -1, codes)
        repeats = (filled < codes).sum() > 1
        if repeats and (filled >= 0).mean() >= _FILLED and _differs(view, [filled]):
            yield column.name


def _values_known(drawing: Drawing) -> pa.Array | None:
    """The values that a column may hold: keys and texts as they are drawn; None for all others."""
    table, target = drawing.scene.table, drawing.target
    keyed = any(key.columns == (target,) for key in table.foreign_keys)
    if keyed or table.column(target).datatype.kind is Kind.TEXT:
        return drawing.pool(target)
    for key in table.foreign_keys:
        if target in key.columns:
            return drawing.keys(key.parent, key.parent_columns[key.columns.index(target)])
    return None


def _enough(drawing: Drawing, known: pa.Array, wanted: int) -> pa.Array:
    """The values known, and others where those are too few for all rows that repeat others."""
    held = drawing.scene.values(Term(drawing.target))
    every, rows = pa.concat_arrays([held, known.cast(held.type)]).unique(), np.arange(len(held))
    for _ in range(_ROUNDS if wanted else 0):
        if len(every) >= len(held):
            break
        every = pa.concat_arrays([every, drawing.again(drawing.target, rows)]).unique()
    return every


def _enumerated(others: list[pa.Array], values: pa.Array, known: pa.Array) -> pa.Array:
    """The values moved to the next known ones that are free among rows equal in the others."""
    every = pa.concat_arrays([values, known.cast(values.type)]).drop_null().unique()
    if not len(every):
        return values
    [places] = enumerated(others, [values], [every])
    moved = np.flatnonzero(places >= 0)
    return patched(values, moved, every.take(pa.array(places[moved])))


def _usable(view: View) -> list[Column]:
    """The columns that may tell rows apart: those of no nulls, of keys and of most values first."""
    keys = {c for f in view.table.foreign_keys for c in f.columns}
    keys |= {c for u in view.table.uniques for c in u.columns}
    held = [c for c in view.table.written if c.datatype.kind in _NAMING]
    sizes = {c.name: int(view.codes(Term(c.name)).max(initial=-1)) + 1 for c in held}
    useful = [c for c in held if sizes[c.name] > 1 and _is_telling(view, c, sizes[c.name])]
    gaps = {c.name: bool((view.codes(Term(c.name)) < 0).any()) for c in useful}
    useful.sort(
        key=lambda c: (
            gaps[c.name],
            c.name not in keys,
            c.datatype.kind is Kind.INTEGER,
            -sizes[c.name],
        )
    )
    return useful[:_MOST_COLUMNS]


def _is_telling(view: View, column: Column, values: int) -> bool:
    """Whether a column is filled in nearly all rows, or names by itself those in which it is."""
    filled = int((view.codes(Term(column.name)) >= 0).sum())
    return filled >= _FILLED * view.rows or values >= (1 - MOST_BROKEN) * filled


def _differs(view: View, columns: list[Ints]) -> bool:
    """Whether rows of enough units are filled in all of some columns, and differ in them."""
    filled = np.all([codes >= 0 for codes in columns], axis=0)
    enough = distinct(view.units[filled]) >= view.support.k
    return enough and _repeats(columns, None) <= MOST_BROKEN * filled.sum()


def _is_unique(view: View, names: tuple[str, ...], codes: Mapping[str, Ints]) -> bool:
    """Whether rows differ in some columns, each of which is needed for that and no accident."""
    whole = [codes[name] for name in names]
    some = _near(whole)
    if _share(whole, some) > _SLACK * MOST_BROKEN or _share(whole, None) > MOST_BROKEN:
        return False
    return _tells(view, names[0]) if len(names) == 1 else _matter(whole)


def _near(columns: list[Ints]) -> Ints | None:
    """Rows of some values of the column with the most: what repeats in all, repeats among them."""
    widest = max(columns, key=lambda c: int(c.max(initial=0)))
    if len(widest) <= 2 * _FEW:
        return None
    share = max(1, len(widest) // _FEW)
    return np.flatnonzero(widest % share == 0)


def _share(columns: list[Ints], rows: Ints | None) -> float:
    """The share of rows that repeat an earlier one; a null equals nothing."""
    return _repeats(columns, rows) / max(1, len(columns[0]) if rows is None else len(rows))


def _matter(columns: list[Ints]) -> bool:
    """Whether rows would repeat if any one column had nothing to do with the others."""
    least = max(_EXPECTED, _RARER * _repeats(columns, None))
    order = shuffled(len(columns[0]))
    return all(
        _repeats([*columns[:place], column[order], *columns[place + 1 :]], None) >= least
        for place, column in enumerate(columns)
    )


def _tells(view: View, name: str) -> bool:
    """Whether numbers of one column would repeat if they lay anywhere in their range.

    So many do on average: n * (n - 1) / 2 / range (the birthday problem). A text repeats by chance
    in longer columns alone.
    """
    column = view.table.column(name)
    numbers = view.numbers(Term(name))
    if numbers is None:
        return int((view.codes(Term(name)) >= 0).sum()) >= view.support.k
    there = numbers.values[numbers.known]
    unit = step_of(column.datatype) if column.datatype.kind in _WHOLE else _MINUTE
    width = float(there.max() - there.min()) / unit + 1
    return len(there) * (len(there) - 1) / 2 / width >= _EXPECTED


def _repeats(columns: list[Ints], rows: Ints | None) -> int:
    """Rows, of some or all, that repeat an earlier one."""
    codes = np.zeros(len(columns[0]) if rows is None else len(rows), np.int64)
    for column in columns:
        part = column if rows is None else column[rows]
        size = int(part.max(initial=0)) + 1
        if size * (int(codes.max(initial=0)) + 1) > 1 << 62:
            codes = np.unique(codes, return_inverse=True)[1]
        codes = np.where((codes < 0) | (part < 0), -1, codes * size + part)
    there = np.sort(codes[codes >= 0])
    return int((there[1:] == there[:-1]).sum())


invariant: type[InvariantKind] = Unique
