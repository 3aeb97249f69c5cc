"""Lets rows that break rules which no step keeps take columns of rows that keep them all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.invariants import Invariant, Term, foreign_key, key_named
from connectors.schema import TableName
from generators.determination import joint
from generators.distinct import groups, patched
from generators.found import Found
from generators.invariants import Part
from generators.sorting import ordered
from generators.targets import chosen_keys
from provisioner.job import Drawn, Ints, Job, Values
from provisioner.scene import DrawnScene

Bools = npt.NDArray[np.bool_]

_ROUNDS = 12
_MOST_ROUNDS = 96
_PATIENCE = 200_000
"""Rows that are looked at, all rounds together, before they are no more than the fewest."""
_CANDIDATES = 8
_SPREAD = 0.1
"""Share of rows in which lending may set or remove nulls of a column."""
_GAPS = 2.0
"""How much more a column counts that is null in both rows or in neither."""
_DOUBT = 2.0
"""Columns in common that chance may outweigh, so that each round tries other rows."""
_ALONG = frozenset(
    {"running", "periods", "ranges", "aggregate", "cardinality", "inclusion", "unique"}
)
"""Kinds whose columns stay as they are: what they ask for is not seen in one row."""


def lent(
    job: Job, values: Values, edges: Ints, below: Mapping[TableName, Drawn] | None = None
) -> Values:
    """The values, with columns of rows that break rules taken together from rows that keep all.

    Steps keep one rule for each column. Where others speak of the same columns, rows that break
    them borrow what these rules speak of, so that any number of rules holds at once: first the
    columns of the rules that a row breaks, then all that are tied to them.
    """
    rules = tuple(_judged(job, values, late=below is not None))
    columns = _lendable(job, values, late=below is not None)
    if not rules or not len(job.indexes):
        return values
    fixed = np.union1d(edges, job.seats)
    unkept = {id(found.rule) for found in job.setting.orientation.stepless(job.table.name)}
    for number, tied in enumerate(_tied(job, rules, columns)):
        rng = job.randomness("lent", below is not None, number)
        kept = sum(id(found.rule) not in unkept for found in tied)
        circle = _Circle(job, below or {}, tied, columns, kept)
        settled = circle.settled(values, fixed, rng)
        values = settled if steady(values, settled) else values
    return values


def steady(before: Values, after: Values) -> bool:
    """Whether every column is about as often null as it was drawn to be.

    Where only rows without a value keep rules of it, lending would spread these until hardly a row
    has one: rules that nobody declared are not worth a column.
    """
    changes = (abs(after[c].null_count - v.null_count) / max(1, len(v)) for c, v in before.items())
    return all(change <= _SPREAD for change in changes)


@dataclass(frozen=True, slots=True)
class _Circle:
    """Rules of a table that share columns, and the columns that may be lent.

    Attributes:
        kept: how many of the rules have steps; they come first, and no row gives one up for others.
        known: numbers of the values of columns, by column.
    """

    job: Job
    below: Mapping[TableName, Drawn]
    rules: tuple[Found, ...]
    columns: frozenset[str]
    kept: int
    known: dict[str, tuple[pa.Array, Ints]] = field(default_factory=dict)

    def settled(self, values: Values, fixed: Ints, rng: np.random.Generator) -> Values:
        """The values once nothing more can be lent; rows that are fixed stay."""
        verdict, left, drawn = self._verdict(values), list[int](), values
        for attempt in range(max(_ROUNDS, min(_MOST_ROUNDS, _PATIENCE // verdict.shape[1]))):
            broken = verdict.any(axis=0)
            bad, good = np.setdiff1d(np.flatnonzero(broken), fixed), np.flatnonzero(~broken)
            left.append(len(bad))
            vain = attempt >= _ROUNDS and left[-1] >= left[-_ROUNDS]
            if not len(bad) or not len(good) or vain:
                break
            donors = self._donors(values, bad, good, rng)
            trial = self._trial(values, verdict, bad, donors, wide=attempt % 2 == 1)
            fewer = self._verdict(trial).sum(axis=0) < verdict.sum(axis=0)
            rows = sparing(drawn, values, trial, bad[fewer[bad]])
            values, verdict = self._taken(values, verdict, trial, rows)
        return values

    def _taken(
        self, values: Values, verdict: Bools, trial: Values, rows: Ints
    ) -> tuple[Values, Bools]:
        """The values and verdict with some rows of a trial, but for those that harm a kept rule.

        A row may do so beside others that change, or do not change, with it.
        """
        for _ in range(_ROUNDS):
            changed = {c: v for c, v in values.items() if trial[c] is not v}
            fresh = {c: trial[c].take(pa.array(rows)) for c in changed}
            found = values | {c: patched(v, rows, fresh[c]) for c, v in changed.items()}
            judged = self._verdict(found)
            harmed = (judged & ~verdict)[: self.kept]
            if not harmed.any():
                return found, judged
            rows = rows[~self._near(found, harmed)[rows]]
        return values, verdict

    def _near(self, values: Values, harmed: Bools) -> Bools:
        """The rows that break a rule (first axis), and those equal to them in what it goes by."""
        found = harmed.any(axis=0)
        for rule, wrong in zip(self.rules, harmed, strict=False):
            if wrong.any() and rule.rule.kind == "dependency":
                given = groups([values[t.column] for t in rule.rule.terms[:-1]])
                found |= np.isin(given, given[wrong])
        return np.asarray(found)

    def _verdict(self, values: Values) -> Bools:
        """Which rules (first axis) each row (second axis) breaks."""
        scene = DrawnScene(self.job, values, self.below)
        found = np.zeros((len(self.rules), scene.rows), np.bool_)
        with np.errstate(all="ignore"):  # what is no number keeps no rule
            for place, rule in enumerate(self.rules):
                broken = rule.kind.breaks(rule.rule, scene)
                if broken is not None:
                    found[place] = broken
        return found

    def _trial(
        self, values: Values, verdict: Bools, bad: Ints, donors: Ints, *, wide: bool
    ) -> Values:
        """The values, bad ones as those of donors in the columns of what they break, or in all."""
        spoken, found = [_columns(self.job, r) for r in self.rules], dict(values)
        for column in sorted(self.columns & frozenset[str]().union(*spoken)):
            asked = np.array([wide or column in s for s in spoken])
            taking = verdict[asked][:, bad].any(axis=0)
            fresh = found[column].take(pa.array(donors[taking]))
            found[column] = patched(found[column], bad[taking], fresh)
        return found

    def _donors(self, values: Values, bad: Ints, good: Ints, rng: np.random.Generator) -> Ints:
        """A good row for each bad one, of several by chance the one that has most in common.

        All of them are equal in one column, or in where they have nulls, where there are such rows.
        """
        spoken = frozenset[str]().union(*(_columns(self.job, r) for r in self.rules))
        codes = {c: self._codes(c, values[c]) for c in sorted(spoken)}
        gaps = np.array([c < 0 for c in codes.values()])
        pattern = joint([*np.packbits(gaps, axis=0).astype(np.int64)])
        firm = sorted(spoken - self.columns)
        best, most = rng.choice(good, len(bad)), np.full(len(bad), -1.0)
        for place in range(_CANDIDATES):
            near = pattern if place % 2 else codes[rng.choice(firm or [*codes])]
            found = _alike(near, bad, good, rng)
            common = np.sum([c[found] == c[bad] for c in codes.values()], axis=0)
            common = common + _GAPS * (gaps[:, found] == gaps[:, bad]).sum(axis=0)
            common = common + rng.random(len(bad)) * _DOUBT
            best = np.where(common > most, found, best)
            most = np.maximum(common, most)
        return best

    def _codes(self, column: str, values: pa.Array) -> Ints:
        """A number per value, found once as long as a column stays."""
        if column not in self.known or self.known[column][0] is not values:
            self.known[column] = values, groups([values])
        return self.known[column][1]


def sparing(drawn: Values, values: Values, trial: Values, rows: Ints) -> Ints:
    """Those rows of a trial with which columns stay about as often null as they were drawn.

    Where only rows without a value keep rules of it, lending would spread these until hardly a row
    has one: the other rows wait for others to lend.
    """
    room = int(_SPREAD * len(next(iter(drawn.values()))))
    for column, fresh in trial.items():
        if fresh is values[column]:
            continue
        now, then = (_nulls(v)[rows].astype(np.int64) for v in (values[column], fresh))
        moved = values[column].null_count - drawn[column].null_count + int((then - now).sum())
        way = np.sign(moved)
        over = abs(moved) - room
        if over > 0:
            rows = np.delete(rows, np.flatnonzero((then - now) == way)[-over:])
    return rows


def _nulls(values: pa.Array) -> Bools:
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False))


def _alike(codes: Ints, bad: Ints, good: Ints, rng: np.random.Generator) -> Ints:
    """A good row for each bad one, with the same code where one has it, else any."""
    order = good[ordered(codes[good])]
    low, high = (np.searchsorted(codes[order], codes[bad], side) for side in ("left", "right"))
    place = low + (rng.random(len(bad)) * (high - low)).astype(np.int64)
    near = order[np.minimum(place, len(order) - 1)]
    return np.asarray(np.where(high > low, near, rng.choice(good, len(bad))))


def _judged(job: Job, values: Values, *, late: bool) -> Iterator[Found]:
    """The rules of a table whose columns are drawn; none where each has a step of its own."""
    orientation, name = job.setting.orientation, job.table.name
    steps = [*orientation.of(name), *orientation.late.get(name, ())]
    masked = [s.target for s in steps if s.part is Part.MASKS]
    unkept = orientation.stepless(name)
    if not unkept and len(masked) == len(set(masked)):
        return
    totals = frozenset() if late else orientation.totals(name)
    every = (*(s.found for s in steps), *unkept)
    for found in (f for f in every if f.rule.kind not in _ALONG and not f.rule.relaxed):
        columns = _columns(job, found)
        there = columns <= values.keys() and all(_is_known(job, found, t) for t in found.rule.terms)
        if there and not columns & totals:
            yield found


def _is_known(job: Job, found: Found, term: Term) -> bool:
    """Whether a term is of the rows themselves, or of others that drawing them knows anyhow."""
    setting, schema = job.setting, job.setting.model.schema
    steps = range(1, len(term.keys) + 1)
    keys = [foreign_key(schema, found.rule.table, term.keys[:step]) for step in steps]
    read = [(key.table, column) for key in keys[1:] for column in key.columns]
    read += [(key.parent, term.column) for key in keys[-1:]]
    return all(
        column in setting.orientation.read_of(table) | schema.referenced(table)
        and table not in setting.plan.stands
        for table, column in read
    )


def _columns(job: Job, found: Found) -> frozenset[str]:
    """The columns of its own table that a rule reads, those of keys that it follows included."""
    keys = {t.keys[0] for t in found.rule.terms if t.keys}
    held = (f.columns for f in job.table.foreign_keys if f.name in keys)
    return frozenset(found.rule.columns).union(*held)


def _lendable(job: Job, values: Values, *, late: bool) -> frozenset[str]:
    """Columns that a row may take from another: those that nothing but rules of rows speaks of."""
    model, name, orientation = job.setting.model, job.table.name, job.setting.orientation
    learned = {f.column.name for f in job.model.columns if f.generator.reserved is None}
    held = {c for u in job.table.uniques for c in u.columns} | model.schema.referenced(name)
    steps = orientation.late.get(name, ())
    below = {s.found.rule for s in steps if s.rest}
    own = (f.rule for f in model.invariants if f.rule.kind in _ALONG and f.rule.table == name)
    lined = [rule for rule in own if rule not in below]
    along = {column for rule in lined for column in (*rule.columns, *_siblings(job, rule))}
    firm = {s.target[1] for s in steps if s.found.rule.kind == "aggregate" and (late or not s.rest)}
    firm |= {s.target[1] for s in orientation.of(name) if s.found.rule.kind == "among"}
    firm |= orientation.read_of(name) if late else set()
    clock = job.model.history.clock if job.model.history else None
    timed = job.beside if clock is None else job.beside | {clock.column}
    free = learned | chosen_keys(model, name)
    return frozenset(free & values.keys()) - held - along - firm - timed - job.table.typed_columns


def _siblings(job: Job, rule: Invariant) -> tuple[str, ...]:
    """The columns in which rows are siblings, to a rule that speaks of these."""
    key = rule.key
    own = key is not None and key[0] == job.table.name
    return key_named(job.table, key[1]).columns if key is not None and own else ()


def _tied(
    job: Job, rules: tuple[Found, ...], columns: frozenset[str]
) -> Iterator[tuple[Found, ...]]:
    """The rules in sets, those that chains of common columns lead to each other together."""
    left = [(found, _columns(job, found) & columns) for found in rules]
    left = [(found, spoken) for found, spoken in left if spoken]
    while left:
        reached, before = left[0][1], frozenset[str]()
        while reached != before:
            before = reached
            reached = reached.union(*(spoken for _, spoken in left if spoken & reached))
        yield tuple(found for found, spoken in left if spoken & reached)
        left = [(found, spoken) for found, spoken in left if not spoken & reached]
