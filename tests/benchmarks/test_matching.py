"""A known rule is met by found rules that speak of the same columns, or that imply it."""

from benchmarks.matching import (
    FoundRule,
    KnownRule,
    compared,
    declared,
    only_filled,
    qualified,
    support,
)
from connectors.datatypes import DataType, Kind
from connectors.invariants import Invariant, Term
from connectors.schema import Column, ForeignKey, Schema, Table, TableName, Unique

PARENT, CHILD = TableName("s", "parent"), TableName("s", "child")
KEY = ForeignKey("up", CHILD, ("parent_id",), PARENT, ("id",))


def table(name: TableName, columns: str, *keys: ForeignKey) -> Table:
    whole = DataType(Kind.INTEGER, "integer")
    held = tuple(Column(column, whole) for column in columns.split())
    return Table(name, held, foreign_keys=keys, uniques=(Unique("pk", ("id",), primary=True),))


SCHEMA = Schema((table(PARENT, "id total city n"), table(CHILD, "id parent_id day line x", KEY)))
DECLARED = declared(SCHEMA)


def found(kind: str, form: str, *terms: Term | str, **more: object) -> FoundRule:
    """A rule of the child by columns, of the parent where said."""
    named = tuple(Term(t) if isinstance(t, str) else t for t in terms)
    place = more.pop("table", CHILD)
    assert isinstance(place, TableName)
    return qualified(Invariant(kind, form, place, named, **more), SCHEMA)  # type: ignore[arg-type]


def is_met(kind: str, columns: str, *rules: FoundRule) -> bool:
    return support(KnownRule(kind, tuple(columns.split())), rules, DECLARED) is not None


def test_a_term_of_a_row_above_is_named_by_the_table_that_it_is_in() -> None:
    rule = found("equality", "=", "x", Term("total", ("up",)))
    assert rule.columns == {"s.child.x", "s.parent.total"}
    assert is_met("equality", "s.parent.total s.child.x", rule)
    assert not is_met("equality", "s.parent.city s.child.x", rule)


def test_a_kind_is_met_by_its_equivalents_alone() -> None:
    equal, below = found("equality", "=", "x", "day"), found("order", "<=", "x", "day")
    computed = found("computed", "f", "x", "day")
    asked = "s.child.x s.child.day"
    assert is_met("path", asked, equal)
    assert not is_met("path", asked, computed)
    assert is_met("arithmetic", asked, computed)
    assert not is_met("arithmetic", asked, equal)
    assert is_met("order", asked, equal)
    assert not is_met("equality", asked, below)


def test_an_order_is_met_by_a_chain_that_does_not_turn_round() -> None:
    one, two = found("order", "<=", "x", "day"), found("order", "<", "day", "line")
    equal, back = found("equality", "=", "line", "day"), found("order", "<=", "line", "day")
    asked = "s.child.x s.child.line"
    assert is_met("order", asked, one, two)
    assert is_met("order", "s.child.line s.child.x", one, two)
    assert is_met("order", asked, one, equal)
    assert not is_met("order", asked, one, back)
    assert not is_met("order", asked, one)


def test_an_order_of_three_columns_takes_all_of_them() -> None:
    one, two = found("order", "<=", "x", "day"), found("order", "<", "day", "line")
    asked = "s.child.x s.child.line s.child.day"
    known = KnownRule("order", tuple(asked.split()))
    assert support(known, (one, two), DECLARED) == frozenset({one, two})
    assert not is_met("order", asked, two)


def test_equality_is_met_by_no_chain() -> None:
    one, two = found("equality", "=", "x", "day"), found("equality", "=", "day", "line")
    assert not is_met("equality", "s.child.x s.child.line", one, two)


def test_a_dependency_is_met_by_the_closure_of_what_was_found() -> None:
    one, two = found("dependency", "->", "x", "day"), found("dependency", "->", "day", "line")
    known = KnownRule("dependency", ("s.child.x", "s.child.line"))
    assert support(known, (one, two), DECLARED) == frozenset({one, two})
    assert is_met("dependency", "s.child.x s.child.id s.child.line", one, two)
    assert not is_met("dependency", "s.child.line s.child.x", one, two)
    assert not is_met("dependency", "s.child.x s.child.line", one)


def test_a_wide_dependency_asks_for_all_its_columns() -> None:
    wide = found("dependency", "->", "x", "line", "day")
    assert is_met("dependency", "s.child.line s.child.x s.child.day", wide)
    assert not is_met("dependency", "s.child.x s.child.day", wide)


def test_a_declared_key_determines_its_row_without_any_found_rule() -> None:
    known = KnownRule("dependency", ("s.child.id", "s.child.x"))
    assert support(known, (), DECLARED) == frozenset()


def test_a_key_determines_what_equals_a_column_above() -> None:
    rule = found("equality", "=", "x", Term("city", ("up",)))
    assert is_met("dependency", "s.child.parent_id s.child.x", rule)
    assert not is_met("dependency", "s.child.day s.child.x", rule)


def test_what_is_computed_is_determined_by_the_rest_of_the_rule() -> None:
    rule = FoundRule(
        "arithmetic",
        "product",
        frozenset({"a", "b", "c"}),
        ("a", "b", "c"),
        targets=frozenset({"a"}),
    )
    assert is_met("dependency", "b c a", rule)
    assert not is_met("dependency", "a b c", rule)


def test_periods_speak_of_their_owner_too() -> None:
    key = CHILD, "up"
    follow = found("periods", "contiguous", "day", "line", key=key)
    apart, is_open = (
        found("periods", "disjoint", "day", "line", key=key),
        found("periods", "one open", "line", key=key),
    )
    whole = "s.child.parent_id s.child.day s.child.line"
    assert is_met("contiguous", whole, follow)
    assert not is_met("contiguous", whole, apart)
    assert is_met("disjoint", whole, follow)
    assert is_met("disjoint", whole, apart)
    assert not is_met("disjoint", "s.child.day s.child.line", apart)
    assert is_met("order", "s.child.day s.child.line", apart)
    assert is_met("one_open", "s.child.parent_id s.child.line", is_open)
    assert is_met("one_open", "s.child.parent_id s.child.line", follow)
    assert not is_met("one_open", "s.child.parent_id s.child.line", apart)
    assert not is_met("one_open", "s.child.id s.child.line", follow)


def test_ranges_of_siblings_are_periods_and_those_of_rows_are_orders() -> None:
    turns = found("ranges", "contiguous", "x", key=(CHILD, "up"))
    assert is_met("contiguous", "s.child.parent_id s.child.x", turns)
    assert is_met("disjoint", "s.child.parent_id s.child.x", turns)
    assert is_met("one_open", "s.child.parent_id s.child.x", turns)
    begins, since = found("ranges", "begins", "x", "day"), found("ranges", "since", "x", "day")
    assert is_met("equality", "s.child.day s.child.x", begins)
    assert is_met("order", "s.child.day s.child.x", since)
    assert not is_met("equality", "s.child.day s.child.x", since)


def test_running_may_speak_of_more_columns_if_it_sets_one_that_is_asked_for() -> None:
    rule = FoundRule(
        "running",
        "rows",
        frozenset({"owner", "n", "time"}),
        ("n", "time"),
        frozenset({"owner"}),
        frozenset({"n"}),
    )
    assert is_met("running", "owner n", rule)
    assert is_met("running", "owner time n", rule)
    assert not is_met("running", "owner time", rule)


def test_what_runs_for_the_same_owners_may_be_sorted_by_another_column() -> None:
    rule = FoundRule(
        "running",
        "rising",
        frozenset({"owner", "x", "time"}),
        ("x", "time"),
        frozenset({"owner"}),
        frozenset({"x"}),
    )
    assert is_met("running", "owner number x", rule)
    assert is_met("running", "owner number x added", rule)
    assert not is_met("running", "owner x number", rule)
    assert not is_met("running", "other number x", rule)
    assert not is_met("running", "number x", rule)


def test_a_count_speaks_of_the_key_and_a_latest_value_not_of_its_order() -> None:
    below, key = ("<-",), (CHILD, "up")
    count = found("aggregate", "count", "n", key=key, table=PARENT)
    latest = found(
        "aggregate", "latest", "n", Term("x", below), Term("day", below), key=key, table=PARENT
    )
    assert is_met("aggregate", "s.parent.n s.child.parent_id", count)
    assert is_met("aggregate", "s.parent.n s.child.x", latest)
    assert not is_met("aggregate", "s.parent.n s.child.day", latest)


def test_a_number_of_children_is_known_by_the_key() -> None:
    rule = found("cardinality", "1 to 4", "total", key=(CHILD, "up"), table=PARENT)
    assert is_met("cardinality", "s.child.parent_id", rule)
    assert not is_met("cardinality", "s.parent.total", rule)


def test_an_inclusion_speaks_of_the_column_that_it_leads_to() -> None:
    rule = found("inclusion", "in", "x", other=(PARENT, "total"))
    assert is_met("inclusion", "s.child.x s.parent.total", rule)
    assert not is_met("inclusion", "s.child.x s.parent.id", rule)


def test_what_is_unique_in_fewer_columns_is_so_in_more() -> None:
    rule = found("unique", "unique", "x", "day")
    assert is_met("unique", "s.child.day s.child.x s.child.line", rule)
    assert not is_met("unique", "s.child.x", rule)
    assert is_met("unique", "s.child.id s.child.line")


def test_presence_is_met_by_a_chain_of_columns_filled_together() -> None:
    one, two = found("presence", "together", "x", "day"), found("presence", "together", "day", "n")
    other = found("presence", "not both", "day", "n")
    assert is_met("presence", "s.child.x s.child.n", one, two)
    assert is_met("presence", "s.child.n s.child.x s.child.day", one, two)
    assert not is_met("presence", "s.child.x s.child.n", one, other)
    assert not is_met("exclusive", "s.child.x s.child.n", one, two)


def test_presence_and_constants_are_met_by_a_dependency_among_their_columns() -> None:
    rule = found("dependency", "->", "x", "day")
    for kind in ("presence", "constant", "exclusive"):
        assert is_met(kind, "s.child.day s.child.x", rule)
        assert not is_met(kind, "s.child.day s.child.x s.child.line", rule)


def test_a_found_unique_key_determines_the_columns_of_its_table() -> None:
    alone = found("unique", "unique", "day", "line")
    assert is_met("dependency", "s.child.day s.child.line s.child.x", alone)
    assert not is_met("dependency", "s.child.day s.child.x", alone)
    assert not is_met("dependency", "s.child.day s.child.line s.parent.city", alone)


def test_a_number_is_made_up_of_its_quotient_and_remainder_by_one_divisor() -> None:
    whole = found("computed", "quotient", "x", "line", constants=("100",))
    rest = found("computed", "remainder", "day", "line", constants=("100",))
    other = found("computed", "remainder", "day", "line", constants=("60",))
    asked = "s.child.line s.child.x s.child.day"
    assert is_met("arithmetic", asked, whole, rest)
    assert not is_met("arithmetic", asked, whole, other)
    assert not is_met("arithmetic", asked, whole)


def test_a_total_of_products_is_met_where_the_factor_left_out_is_always_one() -> None:
    more = {"table": PARENT, "key": (CHILD, "up")}
    total = found("aggregate", "sum", "total", Term("x", ("<-",)), **more)
    one = found("constant", "=", "line", constants=("1",))
    two = found("constant", "=", "line", constants=("2",))
    asked = "s.parent.total s.child.x s.child.line"
    assert is_met("aggregate", asked, total, one)
    assert not is_met("aggregate", asked, total, two)
    assert not is_met("aggregate", asked, total)


def test_an_inclusion_is_met_by_a_key_or_by_an_equality_with_the_row_above() -> None:
    assert is_met("inclusion", "s.child.parent_id s.parent.id")
    equal = found("equality", "=", "x", Term("total", ("up",)))
    assert is_met("inclusion", "s.child.x s.parent.total", equal)
    assert not is_met("inclusion", "s.parent.total s.child.x", equal)


def test_an_inclusion_among_children_is_met_where_every_parent_has_one() -> None:
    some = found("cardinality", "at least one", table=PARENT, key=(CHILD, "up"))
    few = found("cardinality", "at most one", table=PARENT, key=(CHILD, "up"))
    assert is_met("inclusion", "s.parent.id s.child.parent_id", some)
    assert not is_met("inclusion", "s.parent.id s.child.parent_id", few)


def test_one_open_row_is_one_of_a_sort_of_the_same_owner() -> None:
    sort = found("cardinality", "at most one of a sort", "x", key=(CHILD, "up"), constants=("Y",))
    every = found("cardinality", "at most one", table=PARENT, key=(CHILD, "up"))
    assert is_met("one_open", "s.child.parent_id s.child.x", sort)
    assert not is_met("one_open", "s.child.parent_id s.child.x", every)


def test_one_open_row_is_told_by_its_end_alone_however_siblings_are_sorted() -> None:
    rule = found("periods", "one open", "x", "day", key=(CHILD, "up"), constants=("null",))
    assert is_met("one_open", "s.child.parent_id s.child.x", rule)
    assert not is_met("one_open", "s.child.parent_id s.child.day", rule)


def test_columns_exclude_each_other_where_one_is_never_filled() -> None:
    asked = "s.child.x s.child.day"
    assert is_met("exclusive", asked, found("constant", "never", "x"))
    assert not is_met("exclusive", asked, found("constant", "=", "x", constants=("1",)))
    assert not is_met("presence", asked, found("constant", "never", "x"))


def test_a_date_is_filled_where_all_its_parts_are_if_the_last_of_them_is_so_with_it() -> None:
    year = found("computed", "year", "x", "day")
    month = found("computed", "month", "line", "day")
    same = found("presence", "together", "line", "day")
    chain = found("presence", "only with", "line", "x")
    back = found("presence", "only with", "x", "line")
    asked = "s.child.day s.child.x s.child.line"
    assert is_met("presence", asked, year, month, same, chain)
    assert not is_met("presence", asked, year, month, same, back)
    assert not is_met("presence", asked, year, same, chain)
    assert not is_met("presence", asked, month, year, chain)


def test_what_the_server_computes_as_the_begin_of_a_range_counts_as_the_range() -> None:
    names = tuple(Column(c, DataType(Kind.DATE, "date")) for c in ("id", "valid", "day"))
    begin = Column("since", DataType(Kind.DATE, "date"), generated="lower(valid)")
    known = declared(Schema((Table(CHILD, (*names, begin)),)))
    rule = found("ranges", "since", "day", "valid")
    asked = KnownRule("order", ("s.child.day", "s.child.since"))
    assert support(asked, (rule,), known)
    assert not support(asked, (found("ranges", "within", "day", "valid"),), known)
    assert not support(asked, (rule,), DECLARED)


def test_what_stands_together_in_another_table_does_so_in_parts() -> None:
    both = found("among", "in", "x", "day", other=(PARENT, "total"), beside=("city",))
    assert is_met("inclusion", "s.child.x s.child.day s.parent.total s.parent.city", both)
    assert is_met("inclusion", "s.child.day s.parent.city", both)
    assert not is_met("inclusion", "s.child.day s.parent.total", both)
    assert not is_met("inclusion", "s.child.x s.parent.total s.child.day s.parent.city", both)


def test_a_path_is_met_where_the_columns_beside_it_tell_rows_apart() -> None:
    both = found("among", "in", "x", "day", other=(PARENT, "total"), beside=("city",))
    assert is_met("path", "s.child.x s.child.day s.parent.total s.parent.city", both)
    assert not is_met("path", "s.child.day s.parent.city", both)
    for columns, told in (("total", True), ("city", False)):
        alone = found("unique", "unique", columns, table=PARENT)
        assert is_met("path", "s.child.day s.parent.city", both, alone) is told
    key = found("among", "in", "x", "day", other=(PARENT, "id"), beside=("city",))
    assert is_met("path", "s.child.day s.parent.city", key)
    assert not is_met("path", "s.child.x s.parent.id", key)


def test_what_siblings_have_in_common_besides_a_key_is_spoken_of_as_well() -> None:
    place = (CHILD, "up")
    rule = found("running", "number", "line", key=place, beside=("day",))
    assert is_met("running", "s.child.parent_id s.child.day s.child.line", rule)
    alone = found("cardinality", "at most one of a sort", "x", beside=("day",), constants=("Y",))
    assert is_met("one_open", "s.child.day s.child.x", alone)
    assert not is_met("one_open", "s.child.line s.child.x", alone)


def test_what_begins_at_a_point_says_where_a_column_is_null_or_constant() -> None:
    rule = found("onset", "iff <", "x", "day", constants=("1969",))
    assert is_met("presence", "s.child.day s.child.x", rule)
    assert is_met("constant", "s.child.day s.child.x", rule)
    assert not is_met("exclusive", "s.child.day s.child.x", rule)


def test_columns_that_are_all_filled_are_so_together() -> None:
    rule = found("filled", "always", "x", "day", "line")
    assert is_met("presence", "s.child.line s.child.x", rule)
    assert not is_met("presence", "s.child.x s.child.n", rule)
    assert not is_met("exclusive", "s.child.line s.child.x", rule)


def test_what_does_not_vary_keeps_a_rule_that_asks_no_more() -> None:
    rules = found("constant", "=", "x", constants=("5",)), found("filled", "always", "day")
    columns = ("s.child.x", "s.child.day")
    asked = KnownRule("constant", columns, frozenset({"s.child.day"}))
    assert support(asked, rules, DECLARED)
    assert not support(KnownRule("constant", columns), rules, DECLARED)
    assert not support(asked, rules[:1], DECLARED)


def test_a_query_tells_which_columns_it_asks_no_value_of() -> None:
    columns = ("s.child.x", "s.child.day")
    query = 'SELECT count(*) FROM s.child WHERE NOT ((x = 5) = ("day" IS NOT NULL))'
    assert only_filled(columns, query) == {"s.child.day"}
    assert not only_filled(columns, f"{query} AND day > '2020-01-01'")


def test_one_child_each_and_one_sort_of_all_is_one_of_that_sort() -> None:
    one = found("cardinality", "exactly one", table=PARENT, key=(CHILD, "up"))
    same = found("constant", "=", "x", constants=("Y",))
    asked = "s.child.parent_id s.child.x"
    assert is_met("one_open", asked, one, same)
    assert not is_met("one_open", asked, one)
    some = found("cardinality", "at least one", table=PARENT, key=(CHILD, "up"))
    assert not is_met("one_open", asked, some, same)


def test_an_order_of_a_sort_is_one_of_fewer_rows_of_that_sort() -> None:
    rule = found("condition", "=", "day", "line", "x", constants=("Y",))
    columns = ("s.child.n", "s.child.x", "s.child.day", "s.child.line")
    sorts = frozenset({("s.child.x", "Y"), ("s.child.n", "B")})
    assert support(KnownRule("order", columns, given=sorts), (rule,), DECLARED)
    assert not support(KnownRule("order", columns), (rule,), DECLARED)
    other = frozenset({("s.child.x", "N"), ("s.child.n", "B")})
    assert not support(KnownRule("order", columns, given=other), (rule,), DECLARED)
    fewer = frozenset({("s.child.x", "Y")})
    assert not support(KnownRule("order", columns, given=fewer), (rule,), DECLARED)


def test_an_order_of_all_but_a_constant_says_where_that_is() -> None:
    rule = found("condition", "<>", "day", "line", "x", constants=("0",))
    columns = ("s.child.day", "s.child.line", "s.child.x")
    given = frozenset({("s.child.x", "0")})
    assert support(KnownRule("constant", columns, given=given), (rule,), DECLARED)
    assert not support(KnownRule("constant", columns), (rule,), DECLARED)
    assert not support(KnownRule("constant", columns[1:], given=given), (rule,), DECLARED)


def test_a_query_tells_what_it_holds_columns_against() -> None:
    query = (
        """SELECT count(*) FROM t WHERE (a = 'Y' AND "by" = 'B A') AND NOT (n = 0 OR an = 'Z')"""
    )
    columns = ("s.t.a", "s.t.by", "s.t.n", "s.t.m")
    assert compared(columns, query) == {("s.t.a", "Y"), ("s.t.by", "B A"), ("s.t.n", "0")}
