"""Holds the rows of a target against what was learned: values, dependences, families."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.invariants import key_named
from connectors.schema import ForeignKey, Table, TableName
from generators.model import DatabaseModel
from generators.traits import (
    Binning,
    Family,
    Floats,
    Ints,
    Sort,
    Trait,
    along,
    association,
    binnings,
    counted,
    gaps,
    in_pairs,
    with_parents,
)
from provisioner.gallery import Drawn, Gallery, Stored
from provisioner.gate import Thresholds
from provisioner.plan import Plan
from provisioner.report import Aspect, Finding, Likeness, Severity

_FEWEST = 200
_FAINT = 0.15
"""Association that drawn rows need, or the model does not hold the dependence at all."""
_SAME_GROWTH = 0.1
_TOLD = {
    Aspect.MARGINAL: "its values are {found:.2f} similar to what was learned",
    Aspect.PAIR: "{found:.0%} of the association learned is left",
    Aspect.PARENT: "{found:.0%} of the association learned is left",
    Aspect.SIBLINGS: "{found:.0%} of the association learned is left",
    Aspect.GAP: "times between siblings are {found:.2f} similar to what was learned",
    Aspect.COUNT: "numbers of children are {found:.2f} similar to what was learned",
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What is needed to compare a target with its model.

    Attributes:
        stored: the target's rows.
        drawn: rows drawn anew, as they would be there; asked where others differ much.
        postponed: columns that the target has set once all rows were there.
    """

    model: DatabaseModel
    plan: Plan
    thresholds: Thresholds
    stored: Stored
    drawn: Drawn
    postponed: frozenset[tuple[TableName, str]] = frozenset()

    @property
    def strict(self) -> bool:
        """Whether nobody asked for other rows than those learned."""
        plan = self.plan
        return not (plan.scenarios or plan.fire or plan.edge_cases or plan.kept or plan.hand_made)


def likenesses(sight: Sight, tables: frozenset[TableName]) -> Iterator[Likeness]:
    """Every trait that was learned of some tables, beside what the target has."""
    for trait in sight.model.traits:
        key = _key(sight.model, trait)
        drawn = trait.table in tables and trait.table not in sight.plan.carried
        if drawn and (key is None or key.parent in tables):
            found = _measured(sight, trait, key, sight.stored)
            if found is not None and found.sum() >= _FEWEST:
                yield _held(sight.thresholds, trait, found)


def judged(sight: Sight, found: Likeness) -> Iterator[Finding]:
    """A finding where a likeness is too small.

    An error where drawn rows are not like the stored ones either: then somebody changed these.
    Otherwise the model does not reproduce it, which is a warning.
    """
    if found.rows < _FEWEST:
        return
    noise = _noise(found)
    if found.similarity >= (1 + found.least) / 2 - noise:
        return
    text = _TOLD[found.aspect].format(found=found.similarity)
    text = f"{text}; expected at least {found.least:.0%}"
    if found.similarity >= found.least - noise:
        mild = Severity.WARNING if found.aspect is Aspect.MARGINAL else Severity.NOTE
        yield Finding(found.aspect, mild, found.place, text)
        return
    if _is_postponed(sight, found):
        text = f"{text}; it is set once all rows are there, to what those come to"
        yield Finding(found.aspect, Severity.NOTE, found.place, text)
        return
    again = _again(sight, found)
    if again is None or again >= found.least - noise or not sight.strict:
        own = "" if again is None else "; rows drawn anew are like these, so it is the model's loss"
        yield Finding(found.aspect, Severity.WARNING, found.place, f"{text}{own}")
        return
    yield Finding(found.aspect, Severity.ERROR, found.place, text)


def _is_postponed(sight: Sight, found: Likeness) -> bool:
    """Whether any column of a likeness is one that rows do not have as they are drawn."""
    homes = [found.table] * len(found.columns)
    if found.aspect is Aspect.PARENT:
        table = next(t for t in sight.model.schema.tables if str(t.name) == found.table)
        homes[-1] = str(key_named(table, found.key).parent)
    last = {(str(table), column) for table, column in sight.postponed}
    return not last.isdisjoint(zip(homes, found.columns, strict=True))


def _held(thresholds: Thresholds, trait: Trait, found: Floats) -> Likeness:
    aspect, learned = Aspect(trait.sort.value), np.asarray(trait.shares.value).ravel()
    shares = found / found.sum()
    strengths = None
    if len(trait.shape) == 2:
        strengths = trait.association, association(found.reshape(trait.shape))
        similarity = min(1.0, strengths[1] / strengths[0])
    else:
        similarity = overlap(learned, shares)
    return Likeness(
        aspect,
        str(trait.table),
        trait.key,
        trait.columns,
        similarity,
        thresholds.of(aspect),
        int(found.sum()),
        trait.shape,
        tuple(learned.tolist()),
        tuple(shares.tolist()),
        strengths,
    )


def overlap(one: Floats, other: Floats) -> float:
    """1 - total variation distance of two vectors of shares."""
    return float(1 - 0.5 * np.abs(one - other).sum())


def _noise(found: Likeness) -> float:
    """How much of a similarity chance may take: four standard deviations, about.

    The standard deviation of Cramer's V is below 1 / sqrt(n) where both sides are independent;
    the distance of n draws in K bins to their law is below sqrt(K / n) / 2 on average.
    """
    if found.association is not None:
        return float(2 / (found.association[0] * np.sqrt(found.rows)))
    bins = sum(share > 0 for share in found.learned)
    return float(np.sqrt(bins / found.rows))


def _again(sight: Sight, found: Likeness) -> float | None:
    """How like drawn rows the stored ones are; None where none can be drawn."""
    shares = _redrawn(sight, found)
    if shares is None and found.aspect is Aspect.COUNT:
        return found.similarity
    if shares is None or shares.sum() < _FEWEST:
        return None
    if found.association is None:
        return overlap(shares / shares.sum(), np.asarray(found.found))
    strength = association(shares.reshape(found.shape))
    return 1.0 if strength < _FAINT else min(1.0, found.association[1] / strength)


def _redrawn(sight: Sight, found: Likeness) -> Floats | None:
    """The same aspect of drawn rows, as numbers of rows."""
    name = next(t.name for t in sight.model.schema.tables if str(t.name) == found.table)
    if found.aspect is Aspect.MARGINAL:
        rows = sight.drawn.rows(sight.model.schema.table(name))
        if rows is None:
            return None
        [fitted] = (
            f for f in sight.model.tables[name].columns if (f.column.name,) == found.columns
        )
        codes = fitted.encode(rows[fitted.column.name].combine_chunks())
        return np.bincount(codes, minlength=fitted.feature.size).astype(np.float64)
    for trait in sight.model.traits:
        same = trait.table == name and trait.key == found.key and trait.columns == found.columns
        if same and trait.sort.value == found.aspect.value:
            return _measured(sight, trait, _key(sight.model, trait), sight.drawn)
    return None


def _key(model: DatabaseModel, trait: Trait) -> ForeignKey | None:
    return model.foreign_key(trait.table, trait.key) if trait.key else None


def _measured(
    sight: Sight, trait: Trait, key: ForeignKey | None, gallery: Gallery
) -> Floats | None:
    """How many rows, or parents, are in each bin of a trait; None where there are none to see."""
    if trait.sort is Sort.COUNT and key is not None:
        return _counts(sight, trait, key, gallery)
    table = sight.model.schema.table(trait.table)
    codes = (
        _paired(sight, trait, gallery.rows(table))
        if key is None
        else _related(sight, trait, key, gallery.family(table, key))
    )
    if codes is None:
        return None
    return np.bincount(codes, minlength=int(np.prod(trait.shape))).astype(np.float64)


def _paired(sight: Sight, trait: Trait, rows: pa.Table | None) -> Ints | None:
    bins = _bins(sight.model, trait.table)
    if rows is None or not set(trait.columns) <= bins.keys():
        return None
    one, other = (bins[c] for c in trait.columns)
    return in_pairs(rows, one, other)


def _related(sight: Sight, trait: Trait, key: ForeignKey, family: Family | None) -> Ints | None:
    if family is None:
        return None
    bins = _bins(sight.model, trait.table)
    if trait.sort is Sort.GAP:
        return gaps(family, trait.columns[0])[0]
    if trait.columns[0] not in bins:
        return None
    one = bins[trait.columns[0]]
    if trait.sort is Sort.PARENT:
        above = _bins(sight.model, key.parent).get(trait.columns[1])
        return None if above is None else with_parents(family, one, above)[0]
    history = sight.model.tables[trait.table].history
    if history is None or history.clock is None:
        return None
    codes = one(family.rows)
    later, before = along(family, history.clock.column)
    return codes[before] * one.size + codes[later]


def _bins(model: DatabaseModel, name: TableName) -> Mapping[str, Binning]:
    return binnings(model.tables[name].columns, model.tables[name].histograms)


def _counts(sight: Sight, trait: Trait, key: ForeignKey, gallery: Gallery) -> Floats | None:
    """How many parents have numbers of children in each bin, of as many as were there to learn.

    None where a parent is planned to have more or fewer children than in the source.
    """
    sizes = [(sight.plan.layout(n).total, sight.model.rows[n]) for n in (key.table, key.parent)]
    (children, before), (parents, owners) = sizes
    if not all((children, before, parents, owners)):
        return None
    if abs(children * owners / (parents * before) - 1) > _SAME_GROWTH:
        return None
    schema = sight.model.schema
    found = gallery.children(schema.table(key.table), schema.table(key.parent), key)
    if found is None:
        return None
    rng, bins = np.random.default_rng(0), np.zeros(trait.shape[0])
    for number, rows in found.items():
        kept = rng.binomial(number, trait.kept, rows) if trait.kept < 1 else np.full(rows, number)
        bins += np.bincount(counted(kept.astype(np.int64)), minlength=trait.shape[0])
    return bins


def marginals(
    sight: Sight, table: Table, keyed: frozenset[str], rows: pa.Table | None
) -> Iterator[Likeness]:
    """The codes of each column of a table as learned and as found; columns `keyed` are left out."""
    model = sight.model.tables[table.name]
    if rows is None:
        return
    for fitted in model.columns:
        learned = np.asarray(model.histograms[fitted.column.name].value)
        if fitted.column.name in keyed or learned.sum() == 0 or fitted.feature.size < 2:
            continue
        codes = fitted.encode(rows[fitted.column.name].combine_chunks())
        shares = np.bincount(codes, minlength=fitted.feature.size) / len(codes)
        yield Likeness(
            Aspect.MARGINAL,
            str(table.name),
            "",
            (fitted.column.name,),
            overlap(learned, shares),
            sight.thresholds.marginal,
            len(codes),
            (fitted.feature.size,),
            tuple(learned.tolist()),
            tuple(shares.tolist()),
        )
