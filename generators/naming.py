"""Which columns name a thing together by what they are: a name within its owner, a person's birth.

Where nearly no two rows would hold the same values by chance, rows alone do not tell a key from an
accident. What columns are does: a table of pairs holds each once, an owner has one row at a time.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from connectors.datatypes import Kind
from connectors.invariants import Term
from connectors.schema import Column, Table, TableName
from generators.columns import Sample, choose
from generators.encoding import traits
from generators.invariants import View

_MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_SORTS = ("type", "kind")
_MOST_KEYS = 3
"""Keys up to which a table may be one of pairs, or of an owner's rows at one time each."""
_TITLES = ("name", "title", "code", "label")
_BIRTHS = ("birth", "born", "dob")
_GIVEN, _FAMILY = "first_name", "last_name"
_STREET, _POSTAL = "street", "postal_code"
_MAILBOX = "email"
_POSTALS = ("postal", "postcode", "zip")
_LATITUDES = frozenset({"lat", "latitude"})
_LONGITUDES = frozenset({"lon", "lng", "long", "longitude"})
_SORTED = frozenset({Kind.INTEGER, Kind.TEXT, Kind.ENUM})
_DEGREES = frozenset({Kind.FLOAT, Kind.DECIMAL})


def named_together(view: View) -> Iterator[tuple[str, ...]]:
    """Sets of columns that name rows of a table by what they are, the smallest first."""
    keys = _keys(view.table)
    # Of several moments the first says when: others say until when, or when a row was written.
    moments = [c.name for c in view.table.written if c.datatype.kind in _MOMENTS][:1]
    titles = [c.name for c in view.table.written if _is_title(c, view.table)]
    titles += [c.name for c in view.table.written if _is_sort(c) and c.name not in keys]
    pairs = list(combinations(keys, 2))
    yield from pairs
    yield from product(keys, [*titles, *moments])
    alike = [pair for pair in pairs if len(keys) == 2 or len(_parents(view.table, pair)) == 1]
    yield from ((*pair, moment) for pair in alike for moment in moments)
    yield from _persons_and_places(view)


def named_alone(view: View) -> Iterator[str]:
    """Columns that each name a row by themselves, however few rows there are.

    What others refer to goes by one name, and whom they refer to has a mailbox.
    """
    if view.schema.referenced(view.table.name):
        yield from (c.name for c in view.table.written if _is_title(c, view.table))
        yield from _kinds(view).get(_MAILBOX, ())


def _keys(table: Table) -> list[str]:
    """Columns that each lead to another table by themselves; none of too many."""
    led = dict.fromkeys(k.columns[0] for k in table.foreign_keys if len(k.columns) == 1)
    return list(led) if len(led) <= _MOST_KEYS else []


def _parents(table: Table, columns: tuple[str, ...]) -> set[TableName]:
    """The tables that some columns lead to."""
    return {key.parent for key in table.foreign_keys if key.columns[0] in columns}


def _is_title(column: Column, table: Table) -> bool:
    """Whether a text is called a name, as its table is, or the name of what its table is of."""
    name, home = (text.lower().replace("_", "") for text in (column.name, table.name.name))
    one = f"{home[:-3]}y" if home.endswith("ies") else home.removesuffix("s")
    rest = name.removeprefix(one)
    return column.datatype.kind is Kind.TEXT and rest in ("", "s", *_TITLES)


def _is_sort(column: Column) -> bool:
    """Whether a whole number or a text is called a sort: an owner has a row of each."""
    return column.datatype.kind in _SORTED and column.name.lower().endswith(_SORTS)


def _persons_and_places(view: View) -> Iterator[tuple[str, ...]]:
    """A given and a family name with a date of birth; a street with a postal code; degrees."""
    born = [
        c.name
        for c in view.table.written
        if c.datatype.kind is Kind.DATE and any(word in c.name.lower() for word in _BIRTHS)
    ]
    kinds = _kinds(view)
    names = product(kinds.get(_GIVEN, ()), kinds.get(_FAMILY, ())) if born else ()
    yield from ((*pair, born[0]) for pair in names)
    postal = [c.name for c in view.table.written if _is_postal(c, kinds.get(_POSTAL, ()))]
    yield from product(kinds.get(_STREET, ()), postal)
    yield from product(*(_degrees(view.table, named) for named in (_LATITUDES, _LONGITUDES)))


def _is_postal(column: Column, known: Sequence[str]) -> bool:
    """Whether a text is a postal code by its values, or is called one where these are few."""
    name = column.name.lower().replace("_", "")
    called = column.datatype.kind is Kind.TEXT and any(word in name for word in _POSTALS)
    return called or column.name in known


def _degrees(table: Table, named: frozenset[str]) -> list[str]:
    """Numbers whose last word says that they are degrees of latitude, or of longitude."""
    numbers = (c.name for c in table.written if c.datatype.kind in _DEGREES)
    return [name for name in numbers if name.lower().split("_")[-1] in named]


def _kinds(view: View) -> dict[str, list[str]]:
    """The texts of a table by what they are a kind of."""
    found: dict[str, list[str]] = {}
    for column in view.table.written:
        if column.datatype.kind is not Kind.TEXT:
            continue
        values = view.values(Term(column.name))
        there = values.is_valid().to_numpy(zero_copy_only=False)
        sample = Sample(values.drop_null(), view.units[there])
        generator = choose(traits(view.table.name, column, sample, view.support))
        found.setdefault(generator.kind, []).append(column.name)
    return found
