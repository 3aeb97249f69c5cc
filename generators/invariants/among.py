"""Values stand together in rows of another table: who pitched that year has a line as a batter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.invariants import Claim, Invariant, Term, key_named, quoted, relation, sight
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.choices import Choices, listed, numbered, taken, together
from generators.determination import joint
from generators.distinct import patched, surplus
from generators.evidence import ENOUGH, MOST_BROKEN, shuffled, unlikely
from generators.hashing import hashed
from generators.invariants import Drawing, InvariantKind, Part, Plain, Together, View
from generators.privacy.support import distinct

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Node = tuple[TableName, str]
Pair = tuple[Term, str]
"""A column of the rows or of one that a key leads to, and one of the other table."""

_HELD_OUT = 0.14
"""Share of rows whose others may be missing among training rows alone."""
_RARER = 4.0
"""How much rarer than by chance they must be missing there; all rows are asked afterwards."""
_WIDEST = 4
"""Keys and numbers that rows may have in common with others."""
_MOST_SETS = 200
_ROUNDS = 12
"""How often rows that repeat others choose again, each time the next of what there is."""


class Among(Plain, Together):
    """`(a, b) in (table.x, table.y)`, where no foreign key leads from the ones to the others."""

    name: ClassVar[str] = "among"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; the widest sets of columns, since parts of them follow."""
        if distinct(view.units) < view.support.k:
            return
        ways = _Ways.of(view.schema)
        for other in view.schema.tables:
            for links in _found(_Beside(view, other, tuple(_links(view, other, ways)))):
                yield _rule(view.table, other, [pair for link in links for pair in link.pairs])

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        table, columns = _held(rule)
        named = ", ".join(f"{table}.{column}" for column in columns)
        return f"({', '.join(map(str, rule.terms))}) in ({named})"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        table, columns = _held(rule)
        place = sight(schema, rule.table, rule.terms)
        own = [place.column(term) for term in rule.terms]
        named = [quoted(column) for column in columns]
        same = " AND ".join(f"k.{c} = {o}" for c, o in zip(named, own, strict=True))
        known = " AND ".join(f"{o} IS NOT NULL" for o in own)
        return Claim(
            f"SELECT k.there IS NOT NULL AS holds FROM {place.source} LEFT JOIN "  # noqa: S608
            f"(SELECT DISTINCT {', '.join(named)}, true AS there FROM {relation(table)}) AS k "
            f"ON {same} WHERE {known}"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; of keys, those that may lead to any row are set."""
        return rule.columns

    @classmethod
    def realise(cls, rule: Invariant, _state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; rows alike but for what they are drawn to hold are alike in it.

        A row stays whose other values stand in no row of the other table.
        """
        scene, (table, columns) = drawing.scene, _held(rule)
        if drawing.below:
            column = columns[rule.terms.index(Term(drawing.target))]
            return taken(drawing, *scene.children((table, drawing.below), column))
        own = [scene.values(term) for term in rule.terms]
        numbers = [numbered(drawing.keys(table, c), v) for c, v in zip(columns, own, strict=True)]
        filled = np.all([v.is_valid().to_numpy(zero_copy_only=False) for v in own], axis=0)
        wrong = np.flatnonzero(filled & ~together(numbers))
        place = rule.terms.index(Term(drawing.target))
        known = listed(drawing.keys(table, columns[place]), own[place].type)
        if (drawing.target,) in drawing.apart:
            return _another_each(drawing, own[place], (wrong, numbers[place][1], known))
        choices, drawn = Choices.of(numbers, place), own[place]
        told, changed = hashed(drawn, drawing.seed), wrong
        for _ in range(_ROUNDS):
            chosen = choices.dealt(changed, told[changed])
            fresh = known.take(pa.array(chosen[chosen >= 0]))
            drawn = patched(drawn, changed[chosen >= 0], fresh)
            changed = np.intersect1d(wrong, _repeating(drawing, drawn))
            told[changed] += 1
        return drawn


def _another_each(
    drawing: Drawing, drawn: pa.Array, choice: tuple[Ints, Ints, pa.Array]
) -> pa.Array:
    """The values, of which wrong ones are exchanged for what no row holds, as far as that goes."""
    wrong, own, known = choice
    free = drawing.rng.permutation(np.setdiff1d(np.arange(len(known)), own))[: len(wrong)]
    return patched(drawn, wrong[: len(free)], known.take(pa.array(free)))


def _repeating(drawing: Drawing, values: pa.Array) -> Ints:
    """The rows that repeat others in columns in which all are to differ."""
    scene, target = drawing.scene, drawing.target
    others = ([Term(c) for c in columns if c != target] for columns in drawing.apart)
    found = [surplus([*map(scene.values, terms), values]) for terms in others]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _rule(table: Table, other: Table, pairs: Sequence[Pair]) -> Invariant:
    terms = tuple(term for term, _ in pairs)
    first, *more = (column for _, column in pairs)
    place, beside = (other.name, first), tuple(more)
    return Invariant(Among.name, "in", table.name, terms, other=place, beside=beside)


def _held(rule: Invariant) -> tuple[TableName, tuple[str, ...]]:
    """The other table and its columns."""
    if rule.other is None:
        raise ValueError("among: a rule of what stands in another table names that")
    table, first = rule.other
    return table, (first, *rule.beside)


@dataclass(frozen=True, slots=True)
class _Ways:
    """Which columns foreign keys of one column lead to from which, at once or over others."""

    above: Mapping[Node, frozenset[Node]]

    @classmethod
    def of(cls, schema: Schema) -> "_Ways":
        steps: dict[Node, set[Node]] = {}
        every = (key for table in schema.tables for key in _led(schema, table))
        for key in (k for k in every if len(k.columns) == 1):
            node = key.table, key.columns[0]
            steps.setdefault(node, set()).add((key.parent, key.parent_columns[0]))
        return cls({node: frozenset(_reached(node, steps)) for node in steps})

    def meet(self, one: ForeignKey, other: ForeignKey) -> bool:
        """Whether two keys lead to one row, and neither to the other."""
        if len(one.columns) > 1 or len(other.columns) > 1:
            same = set(one.parent_columns) == set(other.parent_columns)
            return same and one.parent == other.parent
        here, there = ((key.table, key.columns[0]) for key in (one, other))
        up, back = self.above[here], self.above[there]
        return not up.isdisjoint(back) and there not in up and here not in back


def _reached(node: Node, steps: Mapping[Node, set[Node]]) -> set[Node]:
    found, edge = set[Node](), [node]
    while edge:
        edge = [up for one in edge for up in steps.get(one, ()) if up not in found]
        found.update(edge)
    return found


@dataclass(frozen=True, slots=True)
class _Link:
    """Columns of two tables that mean the same: those of two keys to one row, or a number.

    Attributes:
        pairs: the columns of the rows, each with one of the other table.
        key: the rows' key; None for a number that tells siblings apart in both tables, and for what
            keys of the other table lead to.
        above: the key that leads to the rows that hold the columns; empty for the rows themselves.
    """

    pairs: tuple[Pair, ...]
    key: ForeignKey | None = None
    above: tuple[str, ...] = ()


def _links(view: View, other: Table, ways: _Ways) -> Iterator[_Link]:
    """What rows may have in common with those of a table, where neither lead to the others."""
    table = view.table
    if other.name == table.name:
        return
    found = [*_through_keys(view, other, ways), *_down_to(table, other)]
    ours, listed = _numbers(table), _numbers(other)
    found += [_Link(((Term(name), name),)) for name in ours if name in listed]
    said = [_led_to(key, ()) for key in table.foreign_keys if key.parent == other.name]
    for link in dict.fromkeys(found):
        home = table.name
        if link.above:
            home = key_named(table, link.above[0]).parent
        alike = all(_alike(view, other, home, pair) for pair in link.pairs)
        if alike and not any(set(link.pairs) <= set(pairs) for pairs in said):
            yield link


def _through_keys(view: View, other: Table, ways: _Ways) -> Iterator[_Link]:
    """Keys of both tables that lead to one row."""
    for path, key in _keys(view):
        if path and key_named(view.table, path[0]).parent == other.name:
            continue
        for theirs in _led(view.schema, other):
            if ways.meet(key, theirs):
                held = dict(zip(theirs.parent_columns, theirs.columns, strict=True))
                if len(key.columns) == 1:
                    held = {key.parent_columns[0]: theirs.columns[0]}
                found = tuple((term, held[parent]) for term, parent in _led_to(key, path))
                yield _Link(found, key, path)


def _led_to(key: ForeignKey, path: tuple[str, ...]) -> tuple[Pair, ...]:
    """The columns of a key, each with the one that it leads to."""
    pairs = zip(key.columns, key.parent_columns, strict=True)
    return tuple((Term(own, path), parent) for own, parent in pairs)


def _down_to(table: Table, other: Table) -> Iterator[_Link]:
    """The columns of the rows that keys of the other table lead to."""
    for key in other.foreign_keys:
        if key.parent == table.name and key.only is None:
            pairs = zip(key.parent_columns, key.columns, strict=True)
            yield _Link(tuple((Term(parent), column) for parent, column in pairs))


def _alike(view: View, other: Table, home: TableName, pair: Pair) -> bool:
    """Whether the columns of a pair are of one kind."""
    own = view.schema.table(home).column(pair[0].column)
    return own.datatype.kind is other.column(pair[1]).datatype.kind


def _keys(view: View) -> Iterator[tuple[tuple[str, ...], ForeignKey]]:
    """The keys of the table, then those of the rows that its keys of one column lead to."""
    yield from (((), key) for key in _led(view.schema, view.table))
    for key in view.table.foreign_keys:
        if len(key.columns) == 1 and not key.self_reference and key.only is None:
            above = view.schema.table(key.parent)
            named = {c for u in above.uniques for c in u.columns}
            led = (k for k in _led(view.schema, above) if named.isdisjoint(k.columns))
            yield from (((key.name,), k) for k in led)


def _led(schema: Schema, table: Table) -> Iterator[ForeignKey]:
    """The keys of a table, and those that a column of a wider one has of the row it leads to."""
    for key in table.foreign_keys:
        if key.only is not None:
            continue
        yield key
        for own, parent in zip(key.columns, key.parent_columns, strict=True):
            for further in schema.table(key.parent).foreign_keys if len(key.columns) > 1 else ():
                if further.columns == (parent,) and further.only is None:
                    yield replace(further, table=table.name, columns=(own,))


def _numbers(table: Table) -> list[str]:
    """Columns that are each a part of a key and lead nowhere themselves."""
    wide = dict.fromkeys(c for u in table.uniques if len(u.columns) > 1 for c in u.columns)
    led = {c for key in table.foreign_keys for c in key.columns}
    return [name for name in wide if name not in led]


@dataclass(frozen=True, slots=True)
class _Beside:
    """The rows of a table beside those of another.

    Attributes:
        places: per pair, numbers of the values of the other table and of the rows; -1 for a null,
            and in the rows for a value that is not there.
    """

    view: View
    other: Table
    links: tuple[_Link, ...]
    places: dict[Pair, tuple[Ints, Ints]] = field(default_factory=dict)

    def numbers(self, pair: Pair) -> tuple[Ints, Ints]:
        """The values of the other table and of the rows, as numbers."""
        if pair not in self.places:
            term, column = pair
            held, own = self.view.column(self.other.name, column), self.view.values(term)
            self.places[pair] = numbered(held, own)
        return self.places[pair]

    def known(self, links: Sequence[_Link]) -> Bools:
        """The rows that have a value in all columns."""
        terms = (term for link in links for term, _ in link.pairs)
        found = [self.view.values(term).is_valid().to_numpy(zero_copy_only=False) for term in terms]
        return np.asarray(np.all(found, axis=0))

    def among(
        self, links: Sequence[_Link], order: Ints | None = None, turned: _Link | None = None
    ) -> Bools:
        """The rows whose values stand together in the other table; those of one link turned."""
        found = []
        for link in links:
            for held, own in map(self.numbers, link.pairs):
                found.append((held, own if order is None or link is not turned else own[order]))
        return together(found)


def _found(beside: _Beside) -> Iterator[tuple[_Link, ...]]:
    """The widest sets of links of which rows hold nothing that the other table does not."""
    level: list[tuple[_Link, ...]]
    level = [(link,) for link in beside.links if _likely(beside, (link,))]
    single, standing = [links[0] for links in level], list[tuple[_Link, ...]]()
    for _ in range(_WIDEST):
        standing += [links for links in level if _stands(beside, links)]
        wider = [
            (*links, more)
            for links in level
            for more in single[single.index(links[-1]) + 1 :]
            if _are_apart(links, more)
        ]
        level = [links for links in wider[:_MOST_SETS] if _likely(beside, links)]
    for links in standing:
        if not any(set(links) < set(wide) for wide in standing):
            yield links


def _are_apart(links: Sequence[_Link], more: _Link) -> bool:
    """Whether a link has none of the columns of others, on either side."""
    used = [pair for link in links for pair in link.pairs]
    return all(term != one and column != two for term, column in used for one, two in more.pairs)


def _likely(beside: _Beside, links: Sequence[_Link]) -> bool:
    """Whether about as many rows as others are held out are missing, or none."""
    known = beside.known(links)
    missing = known & ~beside.among(links)
    return bool(known.any() and missing.sum() <= _HELD_OUT * known.sum())


def _stands(beside: _Beside, links: Sequence[_Link]) -> bool:
    """Whether rows of enough units would be missing if the links had nothing in common."""
    if not _is_its_own(beside.view.table, links):
        return False
    view, known = beside.view, beside.known(links)
    if distinct(view.units[known]) < view.support.k:
        return False
    rows = np.flatnonzero(known)
    missing = float((~beside.among(links))[rows].mean())
    chance = _mixed(beside, links, rows) if len(links) > 1 else _uncovered(beside, links[0])
    held = joint([view.codes(term)[rows] for link in links for term, _ in link.pairs])
    different = len(np.unique(held))
    return missing * _RARER <= chance and unlikely(different, chance) >= ENOUGH


def _is_its_own(table: Table, links: Sequence[_Link]) -> bool:
    """Whether links say something of the rows: not of those above alone, nor of numbers alone."""
    held = {term.column for link in links for term, _ in link.pairs if not link.above}
    above = (key_named(table, link.above[0]) for link in links if link.above)
    paths = {key.name: held <= set(key.columns) for key in above}
    told = any(link.key is not None for link in links)
    return told and not (len(paths) == 1 and all(paths.values()))


def _uncovered(beside: _Beside, link: _Link) -> float:
    """The share of the rows that a key leads to whose like the other table does not hold."""
    if link.key is None:
        return 0.0
    view, columns = beside.view, list[tuple[Ints, Ints]]()
    for parent, (_, column) in zip(link.key.parent_columns, link.pairs, strict=True):
        every = view.column(link.key.parent, parent)
        columns.append(numbered(view.column(beside.other.name, column), every))
    there = together(columns)
    return float(1 - there.mean()) if len(there) else 0.0


def _mixed(beside: _Beside, links: Sequence[_Link], rows: Ints) -> float:
    """The share of rows that would be missing were any one link shuffled."""
    order = np.arange(beside.view.rows)
    order[rows] = rows[shuffled(len(rows))]
    return min(float((~beside.among(links, order, link))[rows].mean()) for link in links)


invariant: type[InvariantKind] = Among
