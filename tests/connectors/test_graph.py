"""The foreign-key graph puts parents first, names cycles and finds ancestors."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from connectors.graph import ancestors, cycles, load_order
from connectors.schema import ForeignKey, Schema, Table, TableName

Links = list[tuple[int, int]]
links = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)


def name(number: int) -> TableName:
    return TableName("public", f"t{number}")


def schema_of(edges: Links, tables: int = 10) -> Schema:
    """Tables t0, t1 ... with a foreign key for each pair of child and parent."""

    def keys(child: int) -> tuple[ForeignKey, ...]:
        parents = [parent for start, parent in edges if start == child]
        return tuple(ForeignKey("fk", name(child), ("x",), name(p), ("id",)) for p in parents)

    return Schema(tuple(Table(name(n), (), foreign_keys=keys(n)) for n in range(tables)))


def reached(edges: Links, start: int) -> set[int]:
    """What a walk along the keys reaches, found the slow way."""
    found: set[int] = set()
    while True:
        more = {p for c, p in edges if c == start or c in found} - found
        if not more:
            return found
        found |= more


@given(links)
def test_a_parent_outside_the_cycle_of_its_child_comes_first(edges: Links) -> None:
    order = load_order(schema_of(edges))
    assert sorted(order) == [name(n) for n in range(10)]
    for child, parent in edges:
        if child not in reached(edges, parent):
            assert order.index(name(parent)) < order.index(name(child))


@given(links)
def test_cycles_are_the_tables_that_reach_each_other(edges: Links) -> None:
    expected = {
        frozenset(name(m) for m in range(10) if m in reached(edges, n) and n in reached(edges, m))
        for n in range(10)
    }
    assert set(cycles(schema_of(edges))) == {ring for ring in expected if len(ring) > 1}


@given(links)
def test_the_tables_of_a_cycle_stand_together(edges: Links) -> None:
    schema = schema_of(edges)
    order = load_order(schema)
    for ring in cycles(schema):
        places = sorted(order.index(table) for table in ring)
        assert places == list(range(places[0], places[0] + len(ring)))


@given(links, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_schema_is_listed(
    edges: Links, random: Random
) -> None:
    schema = schema_of(edges)
    tables = list(schema.tables)
    random.shuffle(tables)
    assert load_order(Schema(tuple(tables))) == load_order(schema)


@given(links, st.integers(0, 9))
def test_ancestors_are_all_other_tables_on_the_way_up(edges: Links, start: int) -> None:
    expected = {name(n) for n in reached(edges, start) if n != start}
    assert ancestors(schema_of(edges), name(start)) == expected


def test_a_self_reference_is_no_cycle() -> None:
    schema = schema_of([(0, 0)], tables=1)
    assert cycles(schema) == ()
    assert load_order(schema) == (name(0),)
    assert ancestors(schema, name(0)) == frozenset()


def test_a_key_to_a_table_outside_the_schema_is_passed_by() -> None:
    schema = schema_of([(0, 7)], tables=1)
    assert load_order(schema) == (name(0),)


def test_a_chain_longer_than_the_recursion_limit_is_ordered() -> None:
    depth = 3000
    order = load_order(schema_of([(n, n + 1) for n in range(depth - 1)], tables=depth))
    assert order == tuple(name(n) for n in reversed(range(depth)))
