"""Keys of a table to itself: each row refers to one a level above, so that no cycle arises."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.schema import ForeignKey
from generators.columns import Codes, Draw
from generators.distinct import groups
from generators.errors import Unmeetable
from generators.relations.levels import Places, refer
from generators.relations.references import Mode, Reference
from provisioner.job import Floats, Ints, Job, Values, features
from provisioner.values import can_be_null, with_nulls

Bools = npt.NDArray[np.bool_]


def reference_selves(job: Job, codes: Codes, values: Values) -> Values:
    """Self-references as deep as the codes say.

    A key that is unique makes chains, and one whose levels are not known refers to any earlier
    row. One that shares columns with others stays among the rows that hold the same values there,
    and a row that finds none refers to itself.

    Raises:
        Unmeetable: no row holds the values that a key shares with others, and it may not be null.
    """
    names = [f.name for f in features(job.model)]
    found: Values = {}
    for reference in job.model.references:
        if reference.mode is Mode.SELF:
            column = codes[:, names.index(reference.feature.name)]
            drawn = values | found
            if _has_levels(job, reference, drawn):
                counter = codes[
                    :, names.index(job.model.branching[reference.key.name].feature.name)
                ]
                chosen, known = _by_level(job, reference, drawn, (column, counter))
            else:
                rng = job.randomness("->", reference.key.name)
                chosen, known = _any_earlier(job, reference.key, drawn, rng)
                known &= ~((column == 0) & reference.nullable) | _must(job, reference.key, drawn)
            targets = zip(reference.key.columns, reference.key.parent_columns, strict=True)
            free = {c: parent for c, parent in targets if c not in values}
            taken = [values[parent].take(pa.array(chosen)) for parent in free.values()]
            found |= with_nulls(job, tuple(free), taken, ~known)
    return found


def chosen_selves(job: Job, values: Values) -> list[ForeignKey]:
    """The self-references with columns of their own, once `reference_selves` has filled them."""
    selves = [r.key for r in job.model.references if r.mode is Mode.SELF]
    others = {c for r in job.model.references if r.key not in selves for c in r.key.columns}
    others |= {*job.model.keys, *(f.column.name for f in job.model.columns)}
    others |= set(() if job.owner is None else job.owner.columns)
    drawn = values.keys() - others
    return [key for key in selves if drawn & set(key.columns)]


def _has_levels(job: Job, reference: Reference, values: Values) -> bool:
    """Whether rows can be placed level by level: a root may be null, or refer to itself."""
    rooted = reference.nullable and reference.key.name in job.model.branching
    shares = any(c in values for c in reference.key.columns)
    placed = not _must(job, reference.key, values) or not shares
    return rooted and placed and not is_unique(job, reference.key)


def _by_level(
    job: Job, reference: Reference, values: Values, codes: tuple[Codes, Codes]
) -> tuple[Ints, Bools]:
    """The row that each row refers to, and whether it refers to any."""
    depth, counter = codes
    rows, key = len(job.indexes), reference.key
    rng = job.randomness("->", key.name)
    draw = Draw(rng, job.indexes, job.indexes.astype(np.uint64))
    counts = job.model.branching[key.name].decode(counter, draw)
    have, want = _sharing(key, values, rows)
    if reference.within:
        alike = int(job.parents.max(initial=0)) + 1
        have, want = (np.where(s < 0, -1, s * alike + job.parents) for s in (have, want))
    wanted = np.maximum(np.asarray(counts.to_numpy(zero_copy_only=False), dtype=np.int64), 0)
    found = refer(Places(depth.astype(np.int64), wanted, have, want, reference.older), rng)
    if _must(job, key, values):
        return np.where(found < 0, np.arange(rows), found), np.ones(rows, np.bool_)
    return np.maximum(found, 0), found >= 0


def _sharing(key: ForeignKey, values: Values, rows: int) -> tuple[Ints, Ints]:
    """What rows have in the columns that a key shares with others, and what they want there.

    A row has nothing (-1) where what the key would take from it is null.
    """
    targets = dict(zip(key.columns, key.parent_columns, strict=True))
    shared = [c for c in key.columns if c in values]
    have, want = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    if shared:
        both = groups([pa.concat_arrays([values[targets[c]], values[c]]) for c in shared])
        have, want = both[:rows], both[rows:]
    taken = [values[p].is_valid() for c, p in targets.items() if c not in shared]
    there = np.all([t.to_numpy(zero_copy_only=False) for t in taken], axis=0)
    return np.where(there, have, -1), want


def _must(job: Job, key: ForeignKey, values: Values) -> bool:
    return not can_be_null(job, [c for c in key.columns if c not in values])


def _any_earlier(
    job: Job, key: ForeignKey, values: Values, rng: np.random.Generator
) -> tuple[Ints, Bools]:
    """The place each row refers to, and whether that is another, earlier row or must do."""
    rows = len(job.indexes)
    places = np.arange(rows)
    must, unique = _must(job, key, values), is_unique(job, key)
    have, want = _sharing(key, values, rows)
    if not any(c in values for c in key.columns) and not (have < 0).any():
        earlier = (places - 1) % max(1, rows) if unique else rng.random(rows) * places
        return earlier.astype(np.int64), (places > 0) | must
    earlier, some = _earlier(have, want, np.ones(rows) if unique else rng.random(rows))
    itself = np.where(have == want, places, some)
    chosen = itself if unique and must else np.where(earlier >= 0, earlier, itself)
    if must and bool((chosen < 0).any()):
        raise Unmeetable(
            f"{job.table.name} {key.name}: shares a column with another key, whose value no row "
            "of the table holds; expected one, or a column that may be null"
        )
    return np.maximum(chosen, 0), (earlier >= 0) | (must & (want >= 0))


def _earlier(have: Ints, want: Ints, which: Floats) -> tuple[Ints, Ints]:
    """The place of an earlier row that has what each row wants, and of any row; -1 for none.

    `which`, from 0 to 1, chooses among the earlier ones: 1 is the nearest.
    """
    rows = len(have)
    ranked = np.sort(np.where(have < 0, -1, have * rows + np.arange(rows)))
    first = np.searchsorted(ranked, want * rows)
    before = np.searchsorted(ranked, want * rows + np.arange(rows))
    after = np.searchsorted(ranked, want * rows + rows)
    place = first + np.ceil(which * (before - first)).astype(np.int64) - 1
    found = ranked[np.clip(place, 0, max(0, rows - 1))] % max(1, rows)
    some = ranked[np.minimum(first, max(0, rows - 1))] % max(1, rows)
    known = want >= 0
    return (
        np.where(known & (before > first), found, -1),
        np.where(known & (after > first), some, -1),
    )


def is_unique(job: Job, key: ForeignKey) -> bool:
    """Whether no two rows may refer to one."""
    whole = (u for u in job.table.uniques if u.columns and not u.expressions and not u.predicate)
    return any(set(u.columns) <= set(key.columns) for u in whole)
