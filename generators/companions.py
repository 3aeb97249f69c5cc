"""Tables of one owner whose rows stand beside each other: who pitched that year has batted, too.

Of two such tables one is drawn before the other. Either the later one has a row for each row of the
earlier one, which *asks* for it, or each of its rows chooses one of these.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.invariants import Invariant
from connectors.schema import ForeignKey, Table, TableName
from generators.distinct import groups, numbered
from generators.found import Found
from generators.model import DatabaseModel
from generators.relations.owners import trees
from generators.relations.references import Mode

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Companion:
    """A rule that keys of a table's rows are those of an earlier table's under the same owner.

    Attributes:
        table: the table that is drawn later.
        other: the one that is drawn before.
        pairs: columns of the later table, each with one of the other; the owner's left out.
        asks: whether each row of the other table asks for one, and not each row chooses one there.
    """

    table: TableName
    other: TableName
    pairs: tuple[tuple[str, str], ...]
    asks: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the later table."""
        return tuple(own for own, _ in self.pairs)

    @property
    def inside(self) -> tuple[TableName, TableName]:
        """The table whose rows' keys are those of rows of the other one, and that one."""
        return (self.other, self.table) if self.asks else (self.table, self.other)

    @property
    def inclusion(self) -> frozenset[tuple[str, str]]:
        """The pairs, in the order of `inside`."""
        return frozenset((pair[1], pair[0]) if self.asks else pair for pair in self.pairs)

    def asking(self, parents: Ints, values: Mapping[str, pa.Array]) -> "Asking":
        """The rows of the other table, by their owners and columns."""
        return Asking(parents, {own: values[there] for own, there in self.pairs})


def companions(
    model: DatabaseModel, unkept: Iterable[Found] = ()
) -> Mapping[TableName, tuple[Companion, ...]]:
    """What earlier tables have to say of each table, that of most columns first.

    Without rules that are kept in part alone: rows that are drawn well would go from table to table
    for them, and a player from team to team.
    """
    found: dict[TableName, list[Companion]] = {}
    doubted = {id(one) for one in unkept}
    for invariant in (f for f in model.invariants if id(f) not in doubted):
        one = companion(model, invariant.rule)
        if one is not None:
            found.setdefault(one.table, []).append(one)
    return {name: tuple(sorted(f, key=lambda c: -len(c.pairs))) for name, f in found.items()}


def companion(model: DatabaseModel, rule: Invariant) -> Companion | None:
    """How a rule is kept while rows are drawn; None where it is another one, or cannot be."""
    if rule.kind != "among" or rule.other is None or rule.relaxed:
        return None
    beside, columns = rule.other[0], (rule.other[1], *rule.beside)
    if any(term.keys for term in rule.terms) or rule.table == beside:
        return None
    pairs = [(t.column, column) for t, column in zip(rule.terms, columns, strict=True)]
    places = {name: n for tree in _trees(model) for n, name in enumerate(tree)}
    asks = places[rule.table] < places[beside]
    later, other = (beside, rule.table) if asks else (rule.table, beside)
    turned = [(two, one) if asks else (one, two) for one, two in pairs]
    owned = _owned(model, later, other)
    if not owned or not owned <= {*turned}:
        return None
    found = Companion(later, other, tuple(p for p in turned if p not in owned), asks)
    return found if _may_be_set(model, found) else None


def doubtful(
    model: DatabaseModel, told: Mapping[tuple[TableName, str], str]
) -> Iterator[tuple[Found, str]]:
    """Rules of this sort that could be kept in part alone, and so move no row, and why.

    Args:
        model: the rules, and how rows are drawn.
        told: columns that are set to keep other rules, with the words of one.
    """
    every = [(found, companion(model, found.rule)) for found in model.invariants]
    known = [(found, one) for found, one in every if one is not None]
    sure = [one for _, one in known]
    for found, one in known:
        words = next((told[one.table, c] for c in one.columns if (one.table, c) in told), None)
        wider = [c for _, c in known if c.asks and c.table == one.table and _is_less(one, c)]
        if words is not None or (one.asks and wider):
            sure.remove(one)
            scarce = f"rows of {wider[0].other} may ask for all that there are" if wider else ""
            yield found, scarce if words is None else f"its columns are set to keep {words}"
    order = companions(model)
    while (lost := next(_contested(known, sure, order), None)) is not None:
        found, one, why = lost
        sure.remove(one)
        yield found, why
    yield from _uncovered(model, sure)


def _contested(
    known: Sequence[tuple[Found, Companion]],
    sure: Sequence[Companion],
    order: Mapping[TableName, Sequence[Companion]],
) -> Iterator[tuple[Found, Companion, str]]:
    """Rules by which rows take over keys that they may not have in the end, and why.

    Others asked before them. Or they choose, but are asked for other keys, or choose once more.
    """
    for found, one in ((f, c) for f, c in known if c in sure and c.asks and c.pairs):
        several = order[one.table]
        before = [c for c in several[: several.index(one)] if c.asks]
        if before and not any(_is_at_one(c, one, sure) for c in before if not _is_less(c, one)):
            yield found, one, f"rows of {before[0].other} may ask for all that there are"
    for found, one in ((f, c) for f, c in known if c in sure and not c.asks):
        several = order[one.table]
        if not all(_is_at_one(one, c, sure) for c in several if c.asks):
            yield found, one, "rows of other tables ask for other keys"
        later = (c for c in several[: several.index(one)] if not c.asks)
        for other in (c for c in later if not _is_at_one(one, c, sure)):
            yield found, one, f"rows choose their keys among those of {other.other} at last"


def _uncovered(model: DatabaseModel, sure: Sequence[Companion]) -> Iterator[tuple[Found, str]]:
    """Rules of how many rows lead to each by a key that rows then take over from others."""
    for found in model.invariants:
        if found.rule.kind != "cardinality" or found.rule.terms or found.rule.key is None:
            continue
        name, key = found.rule.key
        columns = {
            c for k in model.schema.table(name).foreign_keys if k.name == key for c in k.columns
        }
        moved = (c for c in sure if c.table == name and columns.intersection(c.columns))
        if (first := next(moved, None)) is not None:
            yield found, f"rows take over the keys of those of {first.other}"


def _is_less(one: Companion, other: Companion) -> bool:
    """Whether rows are asked for by fewer columns than another table asks for them."""
    return bool(one.pairs) and set(one.columns) < set(other.columns)


def _is_at_one(one: Companion, asking: Companion, sure: Iterable[Companion]) -> bool:
    """Whether keys that are asked for are some that rows may choose, as far as these are the same.

    So they are where those that ask stand beside rows of the table that is chosen from.
    """
    held, chosen = dict(asking.pairs), dict(one.pairs)
    wanted = {(held[own], chosen[own]) for own in held.keys() & chosen.keys()}
    if not wanted or asking.other == one.other:
        return True
    return any(c.inside == (asking.other, one.other) and wanted <= c.inclusion for c in sure)


def _trees(model: DatabaseModel) -> tuple[tuple[TableName, ...], ...]:
    return trees(model.schema, model.owners, model.rows)


def _owned(model: DatabaseModel, later: TableName, other: TableName) -> set[tuple[str, str]]:
    """The columns by which rows of two tables belong to one owner; nothing where none does."""
    here, there = model.owners.get(later), model.owners.get(other)
    if here is None or there is None or here.parent != there.parent:
        return set()
    ours, theirs = _columns(here), _columns(there)
    return {(ours[p], theirs[p]) for p in ours} if ours.keys() == theirs.keys() else set()


def _columns(key: ForeignKey) -> Mapping[str, str]:
    """The columns of a key by those that they lead to."""
    return dict(zip(key.parent_columns, key.columns, strict=True))


def _may_be_set(model: DatabaseModel, found: Companion) -> bool:
    """Whether rows may take over keys as they are: whole ones, to which nothing else leads."""
    table, fitted = model.schema.table(found.table), model.tables[found.table]
    free = {f.column.name for f in fitted.columns if f.generator.reserved is None}
    free |= {c for r in fitted.references if r.mode is Mode.CLUSTER for c in r.key.columns}
    free -= model.schema.referenced(found.table) | table.typed_columns
    return set(found.columns) <= free and all(
        _is_whole(model, found, k) for k in _keys(table, found)
    )


def _keys(table: Table, found: Companion) -> Iterator[ForeignKey]:
    """The keys that some of the columns are part of."""
    return (key for key in table.foreign_keys if set(key.columns) & set(found.columns))


def _is_whole(model: DatabaseModel, found: Companion, key: ForeignKey) -> bool:
    """Whether all columns of a key are taken over from a key to the same rows."""
    pairs = dict(found.pairs)
    taken = {parent: pairs.get(own) for parent, own in _columns(key).items()}
    others = model.schema.table(found.other).foreign_keys
    return any(other.parent == key.parent and _columns(other) == taken for other in others)


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """Rows of an earlier table that ask for rows of a later one.

    Attributes:
        parents: position of each row's owner.
        columns: the keys that they ask for, by the later table's columns.
    """

    parents: Ints
    columns: Mapping[str, pa.Array]

    def different(self, owners: int) -> Ints:
        """How many different keys each of so many owners is asked for; one where none is named."""
        return _different(self.parents, [*self.columns.values()], owners)

    def beyond(self, other: "Asking", owners: int) -> Ints:
        """As `different`, of keys that no row holds which others have asked for."""
        there = [pa.array(other.parents), *(other.columns[c] for c in self.columns)]
        known, asked = numbered(there, [pa.array(self.parents), *self.columns.values()])
        rows = np.flatnonzero((asked >= 0) & ~np.isin(asked, known))
        some = pa.array(rows)
        return _different(self.parents[rows], [v.take(some) for v in self.columns.values()], owners)


def standing(
    known: Sequence[tuple[Companion, Asking]], kept: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Which owners may have rows, and how many at least for others' to stand beside.

    Where none of those that may has a row to stand beside, it is as if no rule said so.

    Args:
        known: what earlier tables say of a table, with their rows.
        kept: the owners that may have rows for all else.
    """
    for _, other in (one for one in known if not one[0].asks):
        there = other.different(len(kept)) > 0
        kept = kept & there if (kept & there).any() else kept
    asking = [other for one, other in known if one.asks]
    return kept, np.where(kept, _fewest(asking, len(kept)), 0)


def eased(least: Ints, most: int) -> Ints:
    """How many rows owners have at least, together no more than some; who has most gives up one."""
    found = least.copy()
    while (excess := int(found.sum()) - most) > 0:
        some = np.argsort(-found, kind="stable")[:excess]
        found[some[found[some] > 0]] -= 1
    return found


def _fewest(asking: Sequence[Asking], owners: int) -> Ints:
    """How many rows each of so many owners has at least, if no row is asked for in vain."""
    found = np.zeros(owners, np.int64)
    for one in asking:
        found = np.maximum(found, one.different(owners))
        for other in asking:
            if one.columns and one.columns.keys() < other.columns.keys():
                found = np.maximum(found, other.different(owners) + one.beyond(other, owners))
    return found


def _different(parents: Ints, columns: Sequence[pa.Array], owners: int) -> Ints:
    found = groups([pa.array(parents), *columns])
    known, first = np.unique(found, return_index=True)
    return np.bincount(parents[first[known >= 0]], minlength=owners)
