"""Some columns determine another: a postal code its city, origin and destination the distance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind
from connectors.invariants import Claim, Invariant, Term, sight
from connectors.schema import Schema
from generators.counterparts import counterparts
from generators.determination import determined, grouped, joint
from generators.distinct import alike, groups, numbered, patched
from generators.evidence import MOST_BROKEN
from generators.feistel import mixed
from generators.invariants import Drawing, InvariantKind, Part, Scene, State, View
from generators.magnitudes import magnitudes, scale_of
from generators.privacy.support import Released, unit_counts
from generators.quoting import as_text, from_text, quotable, texts_of
from generators.randomness import number

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_NONE = pa.array([], pa.string())
_MOST_ENTRIES = 50_000
_ANCHORS = 128
_MOST = 0.8
"""Share of rows drawn with a combination from which on their value is the combination's own."""
_MEANT = 0.25
"""Part of the way from chance to all rows from which on learned keys are those of the same rows."""
_STEADY = 0.9
"""Share of rows that must have their anchor's value before anchors say anything."""
_TEXT_ONLY = frozenset({Kind.OTHER})
"""Kinds that may have no equality in SQL but by their text."""


class Dependency:
    """`a -> y` or `a, b -> y`: rows equal in the first are equal in the last."""

    name: ClassVar[str] = "dependency"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what follows from others is left out."""
        for given, last in determined(view):
            yield Invariant(cls.name, "->", view.table.name, (*given, last))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        *given, last = rule.terms
        return f"{', '.join(map(str, given))} -> {last}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; speaks of rows that others equal, holds of the commonest value."""
        place = sight(schema, rule.table, rule.terms)
        *given, last = (
            place.column(t) + "::text" * (place.table.column(t.column).datatype.kind in _TEXT_ONLY)
            for t in rule.terms
        )
        by = ", ".join(given)
        known = " AND ".join(f"{column} IS NOT NULL" for column in given)
        over = f"OVER (PARTITION BY {by}"
        counted = (
            f"SELECT count(*) AS n, sum(count(*)) {over}) AS size, "  # noqa: S608 # all quoted
            f"row_number() {over} ORDER BY count(*) DESC) AS place "
            f"FROM {place.source} WHERE {known} GROUP BY {by}, {last}"
        )
        return Claim(
            f"SELECT CASE WHEN size > 1 THEN place = 1 END AS holds FROM ({counted}) AS g "  # noqa: S608
            "CROSS JOIN LATERAL generate_series(1, n)"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; what is determined."""
        return (rule.terms[-1].column,)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`.

        The values that go with each combination, where k units share both; and, where what is
        determined changes with a number step by step, its value around means of that number.
        """
        *given, last = rule.terms
        codes, values = joint([view.codes(t) for t in given]), view.codes(last)
        named = all(quotable(view, t) for t in rule.terms)
        rows, units = _supported(codes, values, view) if named else (np.empty(0, np.int64), 0)
        listed = {
            f"given_{n}": _texts(view, t, view.codes(t)[rows], units) for n, t in enumerate(given)
        }
        steps = _steps(view, given[0], last) if named and len(given) == 1 else {}
        return {**listed, "held": _texts(view, last, values[rows], units), **steps}

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`; all but the commonest of rows that equal each other."""
        *given, last = (groups([scene.values(t)]) for t in rule.terms)
        found = grouped(joint(given), last)
        wrong = np.zeros(scene.rows, np.bool_)
        wrong[found.rows] = ~found.agrees
        return wrong

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; a function of the determinants alone, the same in every shard.

        Where k units share none of its entries, what is determined was invented, or is of few:
        rows then take after the first one of the shard that equals them, so that they stay as
        likely as they were drawn. So do rows of no entry where there is no other shard; where there
        are others, they take after an entry in which all but the keys are theirs, since keys are
        invented: the one whose value is most often drawn with their combination. Of a key
        that determines, another row is chosen, that leads to the same or nowhere yet.
        """
        if drawing.target != rule.terms[-1].column:
            return _chosen(rule, drawing)
        *given, last = (_Part(drawing, t) for t in rule.terms)
        if not len(state["held"]) and not len(state.get("steps", _NONE)):
            return last.values.take(pa.array(_first_alike([part.values for part in given])))
        drawn, pool = last.values, drawing.pool(drawing.target)
        held = last.sure(last.read(state["held"]), pool, _with_entries(given, last, state))
        steps = last.sure(last.read(state.get("steps", _NONE)), pool)
        known = np.all([part.known for part in given], axis=0)
        first = len(held) + len(steps)
        places = first + len(pool) + np.arange(len(drawn))
        if drawing.whole:
            places = first + len(pool) + _first_alike([part.values for part in given])
        elif len(pool):
            chosen = _hashed(given, number(drawing.seed, rule.table, cls.words(rule)))
            places = np.where(known, first + (chosen % np.uint64(len(pool))).astype(int), places)
            near = _near_entries(given, state, chosen)
            voted = _voted(given, last, state) if (near >= 0).any() else near
            near = np.where(voted >= 0, voted, near)
            places = np.where(known & (near >= 0), near, places)
        if len(steps) and not drawing.whole:
            near = len(held) + given[0].nearest(state["anchors"])
            places = np.where(known, near, places)
        entry = _entries(given, state)
        places = np.where(entry >= 0, entry, places)
        return pa.concat_arrays([held, steps, pool, drawn]).take(pa.array(places))


@dataclass(frozen=True, slots=True)
class _Part:
    """A column of drawn rows."""

    drawing: Drawing
    term: Term

    @property
    def values(self) -> pa.Array:
        return self.drawing.scene.values(self.term)

    @property
    def datatype(self) -> DataType:
        return self.drawing.scene.table.column(self.term.column).datatype

    @property
    def known(self) -> Bools:
        return np.asarray(self.values.is_valid().to_numpy(zero_copy_only=False))

    @property
    def keyed(self) -> bool:
        """Whether it is a foreign key, or a part of one."""
        keys = self.drawing.scene.table.foreign_keys
        return not self.term.keys and any(self.term.column in key.columns for key in keys)

    def read(self, texts: pa.Array) -> pa.Array:
        """Learned texts as values of the column."""
        return from_text(texts, self.datatype)

    def sure(self, learned: pa.Array, pool: pa.Array, drawn: pa.Array | None = None) -> pa.Array:
        """Learned values, those of a key that are none here each in another's place.

        Those of a key whose names mean nothing here are what is `drawn` there, or any of the pool.
        """
        parents = [
            (key.parent, key.parent_columns[key.columns.index(self.term.column)])
            for key in self.drawing.scene.table.foreign_keys
            if self.term.column in key.columns
        ]
        if not parents or not len(learned):
            return learned
        keys = self.drawing.keys(*parents[0]).cast(learned.type)
        there = pc.or_(pc.is_in(learned, value_set=keys), pc.is_null(learned))
        if not len(pool):
            return pc.if_else(there, learned, None)
        other = pool.take(pa.array(np.arange(len(learned)) % len(pool))).cast(learned.type)
        if drawn is not None:
            named = pc.coalesce(drawn.cast(learned.type), other)
            return pc.if_else(pc.is_null(learned), learned, named)
        return pc.if_else(there, learned, other)

    def nearest(self, anchors: Floats) -> Ints:
        """The place of the ascending number that each value is nearest to."""
        scale = scale_of(self.datatype)
        if scale is None:
            raise TypeError(f"{self.term}: steps were learned of a type without an order")
        numbers = np.asarray(magnitudes(self.values, scale).values, np.float64)
        return np.searchsorted((anchors[1:] + anchors[:-1]) / 2, numbers)


def _chosen(rule: Invariant, drawing: Drawing) -> pa.Array:
    """A key's values, those that go with another value than most like them replaced.

    By one that goes with the same value elsewhere, else by one that no row holds.
    """
    scene, (first, last) = drawing.scene, rule.terms
    drawn = scene.values(first)
    codes, values = groups([drawn]), groups([scene.values(last)])
    found = grouped(codes, values)
    wrong = np.sort(found.rows[~found.agrees])
    firm = np.setdiff1d(np.flatnonzero(codes >= 0), wrong)
    places = alike(values[firm] + 1, values[wrong] + 1, drawing.rng)  # a null is a value, too
    there = places >= 0
    made = patched(drawn, wrong[there], drawn.take(pa.array(firm[places[there]])))
    [key] = (k for k in scene.table.foreign_keys if k.columns == (first.column,))
    known = drawing.keys(key.parent, key.parent_columns[0]).cast(drawn.type)
    free = known.filter(pc.invert(pc.is_in(known, value_set=drawn)))
    rest = wrong[~there][: len(free)]
    return patched(made, rest, free.take(pa.array(drawing.rng.permutation(len(free))[: len(rest)])))


def _supported(codes: Ints, values: Ints, view: View) -> tuple[Ints, int]:
    """A row for each group whose commonest value k units share, and the fewest units of one."""
    found = grouped(codes, values)
    rows = found.rows[found.agrees]
    _, first, group, counts = np.unique(
        found.group[found.agrees], return_index=True, return_inverse=True, return_counts=True
    )
    units = unit_counts(group, view.units[rows], len(first))
    kept = np.flatnonzero(units >= view.support.k)
    kept = kept[np.argsort(-counts[kept], kind="stable")[:_MOST_ENTRIES]]
    return rows[first[kept]], int(units[kept].min(initial=len(view.units)))


def _texts(view: View, term: Term, codes: Ints, units: int) -> Released[Any]:
    """The texts of some codes that so many units stand behind."""
    found = view.support.seal(texts_of(view, term, codes), units) if len(codes) else None
    return view.support.declared(_NONE) if found is None else found


def _steps(view: View, given: Term, last: Term) -> State:
    """Means of a number over its parts, and the value that nearly all rows of a part have."""
    numbers = view.numbers(given)
    if numbers is None:
        return {}
    known = numbers.known
    number = np.asarray(numbers.values[known], np.float64)
    parts = min(_ANCHORS, len(number) // (4 * view.support.k))
    codes = np.full(view.rows, -1)
    codes[known] = np.searchsorted(np.sort(number), number) * parts // max(1, len(number))
    values = view.codes(last)
    if parts < 2 or grouped(codes, values).agrees.mean() < _STEADY:
        return {}
    rows, units = _supported(codes, values, view)
    rows = rows[np.argsort(codes[rows])]
    sums, counts = np.bincount(codes[known], number), np.bincount(codes[known])
    means = (sums / np.maximum(1, counts))[codes[rows]]
    anchors = view.support.seal(means, units) if len(rows) else None
    if anchors is None:
        return {}
    return {"anchors": anchors, "steps": _texts(view, last, values[rows], units)}


def _first_alike(given: list[pa.Array]) -> Ints:
    """Per row the first that has the same values; a row with a null is alone."""
    group = groups(given)
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return np.where(group < 0, np.arange(len(group)), first[inverse])


def _entries(given: Sequence[_Part], state: Mapping[str, Any]) -> Ints:
    """The learned combination that each row has; -1 for none."""
    wanted, found = [], []
    for place, part in enumerate(given):
        listed = part.read(state[f"given_{place}"])
        values = listed.unique()
        wanted.append(_places(listed, values))
        found.append(_places(part.values, values))
    rows = len(found[0])
    if not len(wanted[0]):
        return np.full(rows, -1)
    codes = joint([np.concatenate(pair) for pair in zip(wanted, found, strict=True)])
    order = np.argsort(codes[: -rows or None], kind="stable")
    ordered = codes[: -rows or None][order]
    places = np.minimum(np.searchsorted(ordered, codes[len(order) :]), len(order) - 1)
    same = (ordered[places] == codes[len(order) :]) & (codes[len(order) :] >= 0)
    return np.where(same, order[places], -1)


def _near_entries(given: Sequence[_Part], state: Mapping[str, Any], chosen: Words) -> Ints:
    """A learned combination with a row's values in all but keys, by a word; -1 for none."""
    plain = [n for n, part in enumerate(given) if not part.keyed]
    none = np.full(len(chosen), -1)
    if not plain or len(plain) == len(given) or not len(state["given_0"]):
        return none
    listed = [given[n].read(state[f"given_{n}"]) for n in plain]
    entries, rows = numbered(listed, [given[n].values for n in plain])
    order = np.argsort(entries, kind="stable")
    low, high = (np.searchsorted(entries[order], rows, side) for side in ("left", "right"))
    there = (rows >= 0) & (low < high)
    place = low + (chosen % np.maximum(high - low, 1).astype(np.uint64)).astype(np.int64)
    return np.where(there, order[np.minimum(place, len(order) - 1)], none)


def _voted(given: Sequence[_Part], last: _Part, state: Mapping[str, Any]) -> Ints:
    """The learned combination that a row's own stands for, or else is most often drawn with.

    That is the one of the learned key that a row's key stands for; else that which is, in all but
    keys and in what it tells, drawn most often with a row's values in all that determines. -1 where
    there is none.
    """
    none = np.full(len(given[0].values), -1)
    drawing, parts = last.drawing, (*given, last)
    drawn = () if drawing.jointly is None else drawing.jointly(tuple(p.term.column for p in parts))
    if not drawn or any(part.term.keys for part in parts):
        return none
    plain = [n for n, part in enumerate(given) if not part.keyed]
    listed = [given[n].read(state[f"given_{n}"]) for n in plain] + [last.read(state["held"])]
    entries, told = numbered(listed, [drawn[n] for n in plain] + [drawn[-1]])
    first = np.full(int(max(entries.max(initial=-1), told.max(initial=-1))) + 2, -1)
    first[entries[::-1]] = np.arange(len(entries))[::-1]
    first[-1] = -1  # of nulls
    asked, rows = numbered(list(drawn[:-1]), [part.values for part in given])
    entry = first[told]
    spoken = np.flatnonzero((entry >= 0) & (asked >= 0))
    if not len(spoken):
        return none
    pairs, votes = np.unique(np.stack([asked[spoken], entry[spoken]]), axis=1, return_counts=True)
    best = np.full(int(max(asked.max(), rows.max(initial=-1))) + 2, -1)
    order = np.argsort(votes, kind="stable")
    best[pairs[0][order]] = pairs[1][order]
    meant = _meant(given, state, drawn, (told, entries))
    return np.where(meant >= 0, meant, best[rows])


def _meant(
    given: Sequence[_Part],
    state: Mapping[str, Any],
    drawn: Sequence[pa.Array],
    situations: tuple[Ints, Ints],
) -> Ints:
    """The learned combination of the key that a row's stands for; -1 where there is none.

    Args:
        given: what determines.
        state: the learned combinations.
        drawn: rows that were drawn jointly.
        situations: what the keys of those, and of learned combinations, go with.
    """
    keyed = [n for n, part in enumerate(given) if part.keyed]
    plain = [n for n, part in enumerate(given) if not part.keyed]
    listed = [part.read(state[f"given_{n}"]) for n, part in enumerate(given)]
    keys, rows = numbered([drawn[n] for n in keyed], [given[n].values for n in keyed])
    known = groups([listed[n] for n in keyed])
    told, asked = numbered([listed[n] for n in plain], [given[n].values for n in plain])
    stands = np.append(counterparts((keys, situations[0]), (known, situations[1])), -1)
    stood = np.where(rows < len(stands), stands[np.minimum(rows, len(stands) - 1)], -1)
    size = int(max(told.max(initial=-1), asked.max(initial=-1))) + 1
    wanted = np.where((stood < 0) | (asked < 0), -1, stood * size + asked)
    there = np.where((known < 0) | (told < 0), -2, known * size + told)
    order = np.argsort(there, kind="stable")
    place = np.minimum(np.searchsorted(there[order], wanted), len(order) - 1)
    return np.where(there[order[place]] == wanted, order[place], -1)


def _with_entries(given: Sequence[_Part], last: _Part, state: Mapping[str, Any]) -> pa.Array | None:
    """Per learned combination the key that it is drawn with; None where learned ones mean that.

    Keys are invented, and the name of one may be that of another one here. It is the key of most
    rows that are drawn with the combination, else that of a row by chance: of combinations that
    share a code, which are drawn alike, each key then has as many as it has rows. Null for those
    that were not drawn.
    """
    drawing, parts = last.drawing, (*given, last)
    if not last.keyed or drawing.jointly is None or any(part.term.keys for part in parts):
        return None
    drawn = drawing.jointly(tuple(part.term.column for part in parts))
    if not drawn or not len(state["held"]):
        return None
    listed = [part.read(state[f"given_{n}"]) for n, part in enumerate(given)]
    asked, entries = numbered(list(drawn[:-1]), listed)
    size = int(max(asked.max(initial=-1), entries.max(initial=-1))) + 2
    told, keys = numbered([last.read(state["held"])], [drawn[-1]])
    if _is_meant(_spread_out(entries, told, size)[asked], keys):
        return None
    chosen = _spread_out(asked[::-1], np.arange(len(asked))[::-1], size)
    _, pairs, votes = np.unique(
        np.stack([asked, keys]), axis=1, return_index=True, return_counts=True
    )
    most = pairs[votes > _MOST * np.bincount(asked + 1)[asked[pairs] + 1]]
    chosen[asked[most]] = most
    chosen[-1] = -1  # of nulls
    places = chosen[entries]
    return drawn[-1].take(pa.array(places, mask=places < 0))


def _spread_out(places: Ints, values: Ints, size: int) -> Ints:
    """Each value at its place, the last of several; -1 elsewhere, and for no place."""
    found = np.full(size, -1)
    found[places] = values
    found[-1] = -1
    return found


def _is_meant(told: Ints, keys: Ints) -> bool:
    """Whether rows are drawn with the keys that were learned, far more often than by chance."""
    spoken = (told >= 0) & (keys >= 0)
    if not spoken.any():
        return False
    size = int(max(told.max(), keys.max())) + 1
    shares = [np.bincount(v[spoken], minlength=size) / spoken.sum() for v in (told, keys)]
    chance = float(shares[0] @ shares[1])
    return float((told == keys)[spoken].mean()) > chance + _MEANT * (1 - chance)


def _places(values: pa.Array, among: pa.Array) -> Ints:
    found = pc.fill_null(pc.index_in(values, value_set=among, skip_nulls=True), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def _hashed(given: Sequence[_Part], salt: int) -> Words:
    """A word per row that depends on the values alone."""
    words = np.zeros(len(given[0].values), np.uint64)
    for part in given:
        encoded = as_text(part.values).fill_null("").dictionary_encode()
        unique = _words(encoded.dictionary, salt)
        words = mixed(words, salt) + unique[encoded.indices.to_numpy(zero_copy_only=False)]
    return mixed(words, salt)


def _words(texts: pa.Array, salt: int) -> Words:
    """A word per text: the sum of a hash of each byte with its place."""
    plain = texts.cast(pa.large_binary())
    ends = np.frombuffer(plain.buffers()[1], np.int64)[plain.offset :][: len(plain) + 1]
    data = np.frombuffer(plain.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
    sizes = np.diff(ends)
    places = np.arange(len(data)) - np.repeat(ends[:-1] - ends[0], sizes)
    hashed = mixed((places.astype(np.uint64) << np.uint64(8)) | data, salt)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashed, dtype=np.uint64)])
    bounds = ends - ends[0]
    return np.asarray(mixed(sums[bounds[1:]] - sums[bounds[:-1]], salt))


invariant: type[InvariantKind] = Dependency
