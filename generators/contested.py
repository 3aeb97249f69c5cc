"""Rules of rows beside others' that could be kept in part alone, and so move no row, and why."""

from collections.abc import Iterator, Mapping, Sequence

from connectors.invariants import key_named
from connectors.schema import TableName
from generators.companions import Companion, companions, differs_by_choice, paired
from generators.found import Found
from generators.model import DatabaseModel

Known = Sequence[tuple[Found, Companion]]


def contested(
    model: DatabaseModel, told: Mapping[tuple[TableName, str], str]
) -> Iterator[tuple[Found, str]]:
    """Rules of how rows of an owner stand beside each other that are not kept, and why.

    Args:
        model: the rules, and how rows are drawn.
        told: columns that are set to keep other rules, with the words of one.
    """
    known = paired(model)
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
    yield from _alike(model, known, sure)


def _contested(
    known: Known,
    sure: Sequence[Companion],
    order: Mapping[TableName, Sequence[Companion]],
) -> Iterator[tuple[Found, Companion, str]]:
    """Rules by which rows take over keys that they may not have in the end, and why.

    Others asked before them. Or they choose, but are asked for other keys, or choose by others.
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
        first = next(c for c in several if not c.asks and c in (*sure, one))
        if not {*one.columns} <= {*first.columns}:
            yield found, one, f"rows choose their keys among those of {first.other}"


def _uncovered(model: DatabaseModel, sure: Sequence[Companion]) -> Iterator[tuple[Found, str]]:
    """Rules of how many rows lead to each by a key that rows then take over from others.

    Where these lead to each as well, and ask each for a row, none is left without.
    """
    counted = [
        (f, f.rule.key[0], key_named(model.schema.table(f.rule.key[0]), f.rule.key[1]))
        for f in model.invariants
        if f.rule.kind == "cardinality" and not f.rule.terms and f.rule.key is not None
    ]
    wanted = {(name, key.parent) for f, name, key in counted if f.rule.form == "at least one"}
    for found, name, key in counted:
        moved = [c for c in sure if c.table == name and {*key.columns} & {*c.columns}]
        asked = [c for c in moved if c.asks and {*key.columns} <= {*c.columns}]
        covered = any((c.other, key.parent) in wanted for c in asked)
        if moved and not (covered and found.rule.form == "at least one"):
            yield found, f"rows take over the keys of those of {moved[0].other}"


def _alike(
    model: DatabaseModel, known: Known, sure: Sequence[Companion]
) -> Iterator[tuple[Found, str]]:
    """Rules of what differs by what rows choose, where they do not choose in the end."""
    for found in model.invariants:
        one = differs_by_choice(found.rule, (c for _, c in known))
        if one is not None and one not in sure:
            yield found, f"rows do not choose their keys among those of {one.other}"


def _is_less(one: Companion, other: Companion) -> bool:
    """Whether rows are asked for by fewer columns than another table asks for them."""
    return bool(one.pairs) and set(one.columns) < set(other.columns)


def _is_at_one(one: Companion, asking: Companion, sure: Sequence[Companion]) -> bool:
    """Whether keys that are asked for are some that rows may choose, as far as these are the same.

    So they are where those that ask stand beside rows of the table that is chosen from.
    """
    held, chosen = dict(asking.pairs), dict(one.pairs)
    wanted = {(held[own], chosen[own]) for own in held.keys() & chosen.keys()}
    if not wanted or asking.other == one.other:
        return True
    return any(c.inside == (asking.other, one.other) and wanted <= c.inclusion for c in sure)
