"""Whether rules that were found say what a rule that is known says, by their columns.

A known rule is met by a found one of an equivalent kind (`_EQUIVALENT`) that speaks of the same
set of columns, whatever its form, constants and words. Columns are named schema.table.column, those
of rows that a key leads to by the table that they are in. A found rule about siblings (periods,
running) speaks of the columns of its key as well, one about how many children there are
(cardinality) of those alone, a count of the child's key, and the column by which children are
sorted for the latest, or to close all open ones but the last, is left out, as in the known rules.
Beyond the same set, these and no others count as met:

- order: a chain of found orders and equalities through all columns, in either direction; periods
  whose start and end are the columns;
- dependency: the last column is in the closure of the others under found dependencies, equalities,
  computed columns (arithmetic too), the unique keys, declared or found, and the keys that lead to
  the columns that these rules speak of;
- arithmetic: a number whose quotient and remainder by one divisor are the other columns;
- running: more columns, if the one that the found rule sets is among the known ones; or the same
  column that runs, which a known rule lists behind owners and what sorts their rows, for the same
  owners or more of their columns, however the rows are sorted and whatever is added up;
- one_open: contiguous periods of the same owner that start or end in the column; a number of
  children of a sort of the same owner;
- aggregate: all columns but those that are 1 in all rows, by a found rule;
- inclusion: a foreign key; an equality with the column of a row that a key leads to; a number of
  children, at least one, of the row that a key leads to from the column; columns that stand
  together among those of another table, of which the known ones are the same pairs or some of them;
- path: the same where the columns beside the known ones, if any, are a key, declared or found, of
  the other table;
- unique: fewer columns, found or declared unique;
- order: one of rows of a sort, where the known rule speaks of rows of that sort, or of fewer;
- constant: an order of all rows but those of the constant, of the known columns;
- one_open: one child each by a found rule, of a sort that all of them are of;
- presence: columns that a found rule says are filled in all rows;
- constant: columns that each have one value in all rows, or of which the known rule asks no more
  than whether they are filled, as a found rule says they are in all rows;
- presence, constant, exclusive: a dependency among the same columns; for presence a chain of found
  rules of the form "together" as well, and of a date and parts computed of it a chain down to the
  one that is filled just where the date is; for exclusive, that one is null in all rows.

A column that the server computes as the begin of a range counts as that range, in found rules of
where a range begins.

Columns are not told apart by the key that leads to them, so that two keys to one table may make a
closure larger than it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, permutations

from connectors.invariants import Invariant, Term, foreign_key, key_named
from connectors.schema import Schema, TableName
from generators.invariants import invariant_kinds
from generators.sight import BELOW

Columns = frozenset[str]


@dataclass(frozen=True, slots=True)
class KnownRule:
    """A rule that somebody wrote down, with the kind and the columns that it is about.

    Attributes:
        filled: those of which it asks no more than whether they are null.
        given: those that it compares with a value, and the value.
    """

    kind: str
    columns: tuple[str, ...]
    filled: frozenset[str] = frozenset()
    given: frozenset[tuple[str, str]] = frozenset()


def compared(columns: Iterable[str], sql: str) -> frozenset[tuple[str, str]]:
    """The columns that a query holds against a value, each with that."""
    return frozenset((column, value) for column in columns for value in _values_of(column, sql))


def _values_of(column: str, sql: str) -> list[str]:
    name = re.escape(column.rpartition(".")[2])
    found = re.findall(rf"(?:^|[^\w]){name}\"? = (?:'([^']*)'|(-?[\d.]+))", sql)
    return [text or number for text, number in found]


def only_filled(columns: Iterable[str], sql: str) -> frozenset[str]:
    """The columns that a query names only to ask whether they are null."""
    return frozenset(column for column in columns if _asks_no_value(column, sql))


def _asks_no_value(column: str, sql: str) -> bool:
    name = re.escape(column.rpartition(".")[2])
    ends = re.findall(rf'\b{name}\b"?(\s+IS\s+(?:NOT\s+)?NULL\b)?', sql)
    return bool(ends) and all(ends)


@dataclass(frozen=True, slots=True)
class FoundRule:
    """A found rule by qualified columns.

    Attributes:
        columns: all that count when it is compared.
        terms: those of its terms, in order.
        owners: those of its key, in the child.
        targets: those that may be set to keep it.
        led: those of rows above with the columns of the key that leads to them.
        constants: values that it speaks of.
        paired: its columns with those of another table that they are among.
    """

    kind: str
    form: str
    columns: Columns
    terms: tuple[str, ...]
    owners: Columns = frozenset()
    targets: Columns = frozenset()
    led: tuple[tuple[Columns, str], ...] = ()
    constants: tuple[str, ...] = ()
    paired: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Declared:
    """What a schema says, by qualified columns.

    Attributes:
        uniques: the columns of each unique key that holds of all rows.
        tables: the columns of each table.
        keys: the column of each foreign key of one column, with the one that it leads to.
        begins: the columns that are the begin of a range, with the range's column.
    """

    uniques: tuple[Columns, ...] = ()
    tables: tuple[Columns, ...] = ()
    keys: frozenset[tuple[str, str]] = frozenset()
    begins: Mapping[str, str] = field(default_factory=dict)

    def beside(self, columns: Columns) -> Columns:
        """All columns of the table that some columns are of; none of several tables."""
        return next((table for table in self.tables if columns <= table), frozenset())


Support = frozenset[FoundRule]
"""Found rules that together say what a known rule says; none where the schema says it."""


def support(known: KnownRule, found: Iterable[FoundRule], declared: Declared) -> Support | None:
    """The found rules by which a known one is met; None where they do not meet it."""
    rules = tuple(found)
    for rule in rules:
        if _is_met(known, rule) or _is_met_by_range(known, rule, declared):
            return frozenset({rule})
    implied = _IMPLIED.get(known.kind)
    return implied(known, rules, declared) if implied else None


def qualified(rule: Invariant, schema: Schema) -> FoundRule:
    """A found rule by qualified columns."""
    terms = tuple(_named(_home(rule, term, schema), term.column) for term in rule.terms)
    owners = frozenset[str]()
    if rule.key is not None:
        key = key_named(schema.table(rule.key[0]), rule.key[1])
        owners = frozenset(_named(key.table, column) for column in key.columns)
    if rule.other is None:
        owners |= {_named(rule.table, column) for column in rule.beside}
    kind = invariant_kinds().get(rule.kind)
    targets = kind.targets(rule) if kind else rule.columns
    return FoundRule(
        rule.kind,
        rule.form,
        _compared(rule, terms, owners),
        terms,
        owners,
        frozenset(_named(rule.table, column) for column in targets),
        tuple(_led(rule, schema)),
        rule.constants,
        _paired(rule, terms),
    )


def _paired(rule: Invariant, terms: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    if rule.other is None:
        return frozenset()
    table, first = rule.other
    return frozenset(zip(terms, (_named(table, c) for c in (first, *rule.beside)), strict=True))


def declared(schema: Schema) -> Declared:
    """What a schema says by itself."""
    uniques = ((t.name, u.columns) for t in schema.tables for u in t.uniques if u.whole)
    single = (key for key in schema.foreign_keys if len(key.columns) == 1 and key.only is None)
    return Declared(
        tuple(frozenset(_named(name, c) for c in columns) for name, columns in uniques),
        tuple(frozenset(_named(t.name, c.name) for c in t.columns) for t in schema.tables),
        frozenset(
            (_named(k.table, k.columns[0]), _named(k.parent, k.parent_columns[0])) for k in single
        ),
        {
            _named(t.name, c.name): _named(t.name, c.generated[len("lower(") : -1])
            for t in schema.tables
            for c in t.columns
            if c.generated and re.fullmatch(r"lower\(\w+\)", c.generated)
        },
    )


def _named(table: TableName, column: str) -> str:
    return f"{table}.{column}"


def _home(rule: Invariant, term: Term, schema: Schema) -> TableName:
    if term.keys == BELOW and rule.key is not None:
        return rule.key[0]
    return foreign_key(schema, rule.table, term.keys).parent if term.keys else rule.table


_OPEN = ("one open", "exactly one open")


def _compared(rule: Invariant, terms: tuple[str, ...], owners: Columns) -> Columns:
    if rule.kind == "cardinality":
        return owners or frozenset(terms)
    if rule.kind == "aggregate":
        below = terms[1:2] if rule.form == "latest" else terms[1:]
        return frozenset(terms[:1]).union(below or owners)
    if rule.kind == "periods" and rule.form in _OPEN:
        return frozenset(terms[:1]) | owners
    if rule.kind in ("among", "inclusion") and rule.other is not None:
        return frozenset(terms) | {other for _, other in _paired(rule, terms)}
    along = ("periods", "ranges", "running")
    return frozenset(terms) | owners if rule.kind in along else frozenset(terms)


def _led(rule: Invariant, schema: Schema) -> Iterator[tuple[Columns, str]]:
    for term in rule.terms:
        if term.keys and term.keys != BELOW:
            key = foreign_key(schema, rule.table, term.keys)
            leading = frozenset(_named(key.table, column) for column in key.columns)
            yield leading, _named(key.parent, term.column)


_EQUIVALENT: Mapping[str, frozenset[str]] = {
    "order": frozenset(
        {"order", "parts", "arithmetic", "equality", "computed", "begins", "since", "within"}
        | {"years"}
    ),
    "equality": frozenset({"equality", "computed", "arithmetic", "begins"}),
    "path": frozenset({"equality"}),
    "arithmetic": frozenset({"arithmetic", "computed"}),
    "dependency": frozenset(),
    "aggregate": frozenset({"aggregate"}),
    "running": frozenset(),
    "contiguous": frozenset({"contiguous"}),
    "disjoint": frozenset({"disjoint", "contiguous"}),
    "one_open": frozenset(_OPEN),
    "unique": frozenset(),
    "inclusion": frozenset({"inclusion"}),
    "presence": frozenset({"presence", "constant", "dependency", "onset"}),
    "constant": frozenset({"presence", "constant", "dependency", "onset"}),
    "exclusive": frozenset({"presence", "constant", "dependency"}),
    "cardinality": frozenset({"cardinality"}),
}
"""Kinds, or forms of periods and ranges, that say what a known rule of the same columns says."""


def _is_met(known: KnownRule, rule: FoundRule) -> bool:
    """Whether a rule of an equivalent kind speaks of the same columns; or more or fewer may do."""
    named = rule.kind in ("periods", "ranges")
    what, asked = rule.form if named else rule.kind, frozenset(known.columns)
    if what in _EQUIVALENT[known.kind]:
        return rule.columns == asked
    special = _SPECIAL.get((known.kind, what))
    return special is not None and special(rule, known.columns)


def _is_met_by_range(known: KnownRule, rule: FoundRule, declared: Declared) -> bool:
    """The same where a column of the known rule is the begin of a range."""
    if rule.kind != "ranges" or rule.form not in ("begins", "since"):
        return False
    columns = tuple(declared.begins.get(column, column) for column in known.columns)
    return columns != known.columns and _is_met(replace(known, columns=columns), rule)


def _are_ends(rule: FoundRule, asked: tuple[str, ...]) -> bool:
    return set(rule.terms) == set(asked)


def _runs(rule: FoundRule, asked: tuple[str, ...]) -> bool:
    rest = [column for column in asked if column not in rule.owners]
    if rule.columns >= set(asked):
        return not rule.targets.isdisjoint(asked)
    return 0 < len(rest) < len(asked) and rest[:2][-1] in rule.targets


def _follow_on(rule: FoundRule, asked: tuple[str, ...]) -> bool:
    return rule.owners < set(asked) <= rule.columns


def _is_of_sort(rule: FoundRule, asked: tuple[str, ...]) -> bool:
    return rule.form.endswith("of a sort") and rule.owners.union(rule.terms) == set(asked)


def _is_within(rule: FoundRule, asked: tuple[str, ...]) -> bool:
    return rule.columns <= set(asked)


_SPECIAL: Mapping[tuple[str, str], Callable[[FoundRule, tuple[str, ...]], bool]] = {
    ("order", "contiguous"): _are_ends,
    ("order", "disjoint"): _are_ends,
    ("running", "running"): _runs,
    ("one_open", "contiguous"): _follow_on,
    ("one_open", "cardinality"): _is_of_sort,
    ("unique", "unique"): _is_within,
}


def _in_order(known: KnownRule, rules: Sequence[FoundRule], _: Declared) -> Support | None:
    for rule in rules:
        if rule.kind == "condition" and rule.form == "=" and _is_of_fewer(known, rule):
            return frozenset({rule})
    steps = [(r.terms, r) for r in rules if r.kind in ("order", "equality") and len(r.terms) == 2]
    steps += [(r.terms[::-1], r) for r in rules if r.kind == "equality" and len(r.terms) == 2]
    return _chain(known.columns, [(low, high, rule) for (low, high), rule in steps])


def _present(known: KnownRule, rules: Sequence[FoundRule], declared: Declared) -> Support | None:
    always = (r for r in rules if r.kind == "filled" and r.columns.issuperset(known.columns))
    if (rule := next(always, None)) is not None:
        return frozenset({rule})
    return _together(known, rules, declared) or _parts_of_a_date(known, rules)


def _is_of_fewer(known: KnownRule, rule: FoundRule) -> bool:
    """Whether a known rule names the sort of rows of a found one; what is left are more sorts."""
    sorts = {column for column, _ in known.given}
    told = (rule.terms[-1], rule.constants[0]) in known.given
    return told and rule.columns <= {*known.columns} <= rule.columns | sorts


def _steady(known: KnownRule, rules: Sequence[FoundRule], _: Declared) -> Support | None:
    """That nothing that a known rule looks at varies: it then holds in all rows or in none."""
    for rule in rules:
        others = rule.kind == "condition" and rule.form == "<>"
        told = others and (rule.terms[-1], rule.constants[0]) in known.given
        if told and rule.columns == {*known.columns}:
            return frozenset({rule})
    found = set[FoundRule]()
    for column in known.columns:
        same = next((r for r in rules if _is_same(r) and r.columns == {column}), None)
        full = next((r for r in rules if r.kind == "filled" and column in r.columns), None)
        reason = same or (full if column in known.filled else None)
        if reason is None:
            return None
        found.add(reason)
    return frozenset(found)


def _is_same(rule: FoundRule) -> bool:
    return (rule.kind, rule.form) == ("constant", "=")


def _one_of_its_sort(known: KnownRule, rules: Sequence[FoundRule], _: Declared) -> Support | None:
    """One child each, and one sort of all of them."""
    for one in rules:
        if (one.kind, one.form) != ("cardinality", "exactly one") or len(one.terms):
            continue
        for same in rules:
            if _is_same(same) and one.owners | same.columns == {*known.columns}:
                return frozenset({one, same})
    return None


def _parts_of_a_date(known: KnownRule, rules: Sequence[FoundRule]) -> Support | None:
    """That a date is filled just where all that is computed of it is.

    One part is filled just where the date is, and only where all of the others are.
    """
    asked = frozenset(known.columns)
    for date in known.columns:
        computed = {
            part: rule
            for rule in rules
            for part in rule.targets
            if rule.kind == "computed" and rule.columns == {part, date}
        }
        if not asked - {date} <= computed.keys():
            continue
        filled = [r for r in rules if r.kind == "presence" and r.form in ("together", "only with")]
        steps: list[_Step] = [(r.terms[0], r.terms[1], r) for r in filled]
        steps += [(r.terms[1], r.terms[0], r) for r in filled if r.form == "together"]
        ways = [_way(date, part, [s for s in steps if asked.issuperset(s[:2])]) for part in asked]
        back = next((r for r in filled if r.form == "together" and date in r.terms), None)
        if back is not None and asked.issuperset(back.terms) and None not in ways:
            found = (rule for way in ways for rule in way or ())
            return frozenset({back, *found, *(computed[part] for part in asked - {date})})
    return None


def _unused(known: KnownRule, rules: Sequence[FoundRule], _: Declared) -> Support | None:
    """That one of two columns that exclude each other is null in all rows."""
    asked = set(known.columns)
    for rule in rules:
        if (rule.kind, rule.form) == ("constant", "never") and rule.columns < asked:
            return frozenset({rule})
    return None


def _together(known: KnownRule, rules: Sequence[FoundRule], _: Declared) -> Support | None:
    linked = [r for r in rules if r.kind == "presence" and r.form == "together"]
    steps = [(one, two, rule) for rule in linked for one, two in permutations(rule.terms, 2)]
    return _chain(known.columns, steps)


_Step = tuple[str, str, FoundRule]


def _chain(columns: Sequence[str], steps: Sequence[_Step]) -> Support | None:
    """The rules of a way through all columns, in any order."""
    if len(columns) < 2:
        return None
    for order in permutations(columns):
        ways = [_way(one, two, steps) for one, two in pairwise(order)]
        if all(way is not None for way in ways):
            return frozenset(rule for way in ways if way for rule in way)
    return None


def _way(start: str, end: str, steps: Sequence[_Step]) -> tuple[FoundRule, ...] | None:
    """The rules of a shortest way from one column to another."""
    ways: dict[str, tuple[FoundRule, ...]] = {start: ()}
    edge = [start]
    while edge and end not in ways:
        fresh = [(high, (*ways[low], rule)) for low, high, rule in steps if low in edge]
        edge = [column for column, _ in fresh if column not in ways]
        for column, way in fresh:
            ways.setdefault(column, way)
    return ways.get(end)


def _determined(known: KnownRule, rules: Sequence[FoundRule], declared: Declared) -> Support | None:
    *given, last = known.columns
    facts: list[tuple[Columns, Columns, FoundRule | None]]
    facts = [(key, declared.beside(key), None) for key in declared.uniques]
    alone = (rule for rule in rules if rule.kind == "unique")
    facts += [(rule.columns, declared.beside(rule.columns), rule) for rule in alone]
    facts += [(one, frozenset({two}), rule) for rule in rules for one, two in _says(rule)]
    reasons: dict[str, Support] = {column: frozenset() for column in given}
    while last not in reasons:
        before = len(reasons)
        for needs, gives, rule in facts:
            if needs <= reasons.keys() and not gives <= reasons.keys():
                why = frozenset({rule} if rule else ()).union(*(reasons[c] for c in needs))
                for column in gives:
                    reasons.setdefault(column, why)
        if len(reasons) == before:
            return None
    return reasons[last]


def _says(rule: FoundRule) -> Iterator[tuple[Columns, str]]:
    """Columns that determine another by a rule."""
    if rule.kind == "dependency":
        yield frozenset(rule.terms[:-1]), rule.terms[-1]
    elif rule.kind == "equality":
        yield from ((frozenset({one}), two) for one, two in permutations(rule.terms, 2))
    elif rule.kind in ("computed", "arithmetic") and len(rule.columns) > 1:
        yield from ((rule.columns - {target}, target) for target in rule.targets)
    else:
        return
    yield from rule.led


def _declared(known: KnownRule, _: Sequence[FoundRule], declared: Declared) -> Support | None:
    alone = any(key <= set(known.columns) for key in declared.uniques)
    return frozenset() if alone else None


def _recomposed(known: KnownRule, rules: Sequence[FoundRule], _: Declared) -> Support | None:
    """The quotient and the remainder of a column by one divisor, which make it up."""
    parts: dict[tuple[str, tuple[str, ...]], dict[str, FoundRule]] = {}
    for rule in rules:
        if rule.kind == "computed" and rule.form in ("quotient", "remainder"):
            parts.setdefault((rule.terms[1], rule.constants), {})[rule.form] = rule
    for (whole, _divisor), both in parts.items():
        made = {whole, *(rule.terms[0] for rule in both.values())}
        if len(both) == 2 and made == set(known.columns):
            return frozenset(both.values())
    return None


def _multiplied(known: KnownRule, rules: Sequence[FoundRule], _: Declared) -> Support | None:
    """A total of the other columns, and that the factors left out are 1 in all rows."""
    ones = {rule.terms[0]: rule for rule in rules if _is_same(rule) and _is_one(rule.constants[0])}
    for rule in rules:
        left = set(known.columns) - rule.columns
        if rule.kind == "aggregate" and rule.columns < set(known.columns) and left <= ones.keys():
            return frozenset({rule, *(ones[column] for column in left)})
    return None


def _is_one(text: str) -> bool:
    try:
        return float(text) == 1
    except ValueError:
        return False


def _included(known: KnownRule, rules: Sequence[FoundRule], declared: Declared) -> Support | None:
    """What leads from one column to another: a key, an equality, or a key with children.

    What stands together among columns of another table, does so in parts as well.
    """
    pairs = _halves(known)
    for rule in rules:
        if pairs and rule.kind == "among" and pairs <= rule.paired:
            return frozenset({rule})
    if len(known.columns) != 2:
        return None
    column, other = known.columns
    if (column, other) in declared.keys:
        return frozenset()
    for rule in rules:
        above = {led for _, led in rule.led}
        if rule.kind == "equality" and rule.columns == {column, other} and above == {other}:
            return frozenset({rule})
        parents = {two for one, two in declared.keys if {one} == rule.owners}
        reached = {column} | {two for one, two in declared.keys if one == column}
        some = rule.kind == "cardinality" and rule.form in ("at least one", "exactly one")
        if some and rule.owners == {other} and parents & reached:
            return frozenset({rule})
    return None


def _halves(known: KnownRule) -> frozenset[tuple[str, str]]:
    """The first columns with the last ones, in their order, of a rule with as many of both."""
    half = len(known.columns) // 2
    even = len(known.columns) == 2 * half
    return frozenset(zip(known.columns[:half], known.columns[half:], strict=True) if even else ())


def _led_along(known: KnownRule, rules: Sequence[FoundRule], declared: Declared) -> Support | None:
    """That what stands among the rows of another table does so in the one row that can be meant.

    The columns beside the known ones tell that row from all others.
    """
    for rule in rules:
        if rule.kind != "among" or not {*known.columns} <= {c for p in rule.paired for c in p}:
            continue
        asked = {pair for pair in rule.paired if {*pair} <= {*known.columns}}
        if rule.columns == {*known.columns}:
            return frozenset({rule})
        others = frozenset(other for _, other in rule.paired - asked)
        if 2 * len(asked) != len(known.columns):
            continue
        if any(key <= others for key in declared.uniques):
            return frozenset({rule})
        for alone in rules:
            if alone.kind == "unique" and alone.form == "unique" and alone.columns <= others:
                return frozenset({rule, alone})
    return None


_IMPLIED: Mapping[str, Callable[[KnownRule, Sequence[FoundRule], Declared], Support | None]] = {
    "aggregate": _multiplied,
    "constant": _steady,
    "one_open": _one_of_its_sort,
    "arithmetic": _recomposed,
    "inclusion": _included,
    "path": _led_along,
    "order": _in_order,
    "dependency": _determined,
    "unique": _declared,
    "presence": _present,
    "exclusive": _unused,
}
