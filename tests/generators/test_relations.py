"""Owners form trees, counts add up to the plan, references lead to rows that are there."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind
from connectors.profile import (
    ColumnProfile,
    ForeignKeyProfile,
    Profile,
    TableProfile,
    UnitPath,
)
from connectors.schema import Column, ForeignKey, Schema, Table, TableName, Unique
from generators.contexts import siblings
from generators.privacy.support import Support
from generators.relations.counts import BUCKETS, bucket, to_quota, with_enough
from generators.relations.links import parent_rows
from generators.relations.owners import ancestors, choose_owners, trees
from generators.relations.references import Clusters, fit_clusters, unclustered

INTEGER = DataType(Kind.INTEGER, "integer", bits=32)
K = 11


def named(name: str) -> TableName:
    return TableName("public", name)


def key(child: str, parent: str, column: str | None = None) -> ForeignKey:
    column = column or f"{parent}_id"
    return ForeignKey(f"{child}_{column}", named(child), (column,), named(parent), ("id",))


def table(name: str, *keys: ForeignKey) -> Table:
    columns = [Column("id", INTEGER, nullable=False)]
    columns += [Column(c, INTEGER) for f in keys for c in f.columns]
    return Table(
        named(name), tuple(columns), (Unique(f"{name}_pk", ("id",), primary=True),), tuple(keys)
    )


def profiled(
    schema: Schema, fan_outs: dict[str, tuple[int, int]], nulls: frozenset[str] = frozenset()
) -> Profile:
    """A profile with (parents with children, children) by key; others have 100 and 300."""
    tables = {
        t.name: TableProfile(
            300,
            300,
            {c.name: ColumnProfile(0.5 if c.name in nulls else 0.0) for c in t.columns},
        )
        for t in schema.tables
    }
    keys = {}
    for f in schema.foreign_keys:
        parents, children = fan_outs.get(f.name, (100, 300))
        keys[f.table, f.name] = ForeignKeyProfile(parents, parents, children, children)
    return Profile(tables, keys)


def everyone(schema: Schema) -> dict[TableName, UnitPath]:
    return {t.name: UnitPath(None) for t in schema.tables}


def test_a_table_is_owned_by_the_parent_with_few_children_each() -> None:
    schema = Schema(
        (table("person"), table("shop"), table("sale", key("sale", "person"), key("sale", "shop")))
    )
    profile = profiled(schema, {"sale_shop_id": (20, 3000), "sale_person_id": (1000, 3000)})
    owners = choose_owners(schema, profile, everyone(schema), K)
    assert {n.name: f.parent.name for n, f in owners.items()} == {"sale": "person"}


def test_a_category_owns_nothing() -> None:
    schema = Schema((table("status"), table("sale", key("sale", "status"))))
    few = profiled(schema, {"sale_status_id": (K - 1, 500)})
    wide = profiled(schema, {"sale_status_id": (20, 20 * 2001)})
    for profile in (few, wide):
        assert choose_owners(schema, profile, everyone(schema), K) == {}


def test_a_key_that_may_be_null_owns_nothing() -> None:
    schema = Schema((table("person"), table("sale", key("sale", "person"))))
    profile = profiled(schema, {}, frozenset({"person_id"}))
    assert choose_owners(schema, profile, everyone(schema), K) == {}


def test_a_unit_is_a_root() -> None:
    schema = Schema((table("team"), table("person", key("person", "team"))))
    paths = {named("team"): UnitPath(None), named("person"): UnitPath(named("person"))}
    assert choose_owners(schema, profiled(schema, {}), paths, K) == {}


def test_no_row_is_owned_by_one_whose_key_is_made_of_its_own() -> None:
    body = key("draft", "plan")
    draft = replace(table("draft", body), uniques=(Unique("pk", body.columns, primary=True),))
    back = replace(key("plan", "draft"), parent_columns=body.columns)
    schema = Schema((draft, table("plan", back)))
    owners = choose_owners(schema, profiled(schema, {}), everyone(schema), K)
    assert {n.name: f.parent.name for n, f in owners.items()} == {"draft": "plan"}


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=24))
def test_owners_form_trees_whatever_the_keys(edges: list[tuple[int, int]]) -> None:
    keys = [key(f"t{a}", f"t{b}", f"k{n}") for n, (a, b) in enumerate(edges)]
    schema = Schema(
        tuple(table(f"t{i}", *(f for f in keys if f.table.name == f"t{i}")) for i in range(8))
    )
    owners = choose_owners(schema, profiled(schema, {}), everyone(schema), K)
    sizes = {t.name: sum(map(ord, t.name.name)) % 3 for t in schema.tables}
    found = trees(schema, owners, sizes)
    assert sorted(n for tree in found for n in tree) == sorted(t.name for t in schema.tables)
    for tree in found:
        assert tree[0] not in owners
        for name in tree[1:]:
            assert owners[name].parent in tree[: tree.index(name)]
            assert ancestors(name, owners)[-1] == tree[0]


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=30),
    st.integers(0, 400),
    st.none() | st.integers(0, 25),
    st.integers(0, 99),
)
def test_counts_add_up_to_the_quota_as_far_as_there_is_room(
    counts: list[int], quota: int, most: int | None, seed: int
) -> None:
    found = to_quota(np.array(counts, np.int64), quota, most, np.random.default_rng(seed))
    room = quota if most is None else most * len(counts)
    assert found.sum() == min(quota, room)
    assert (found >= 0).all()
    if most is not None:
        assert found.max() <= most


@given(st.lists(st.integers(0, 9), min_size=2, max_size=30), st.integers(0, 99))
def test_the_childless_stay_childless_while_others_have_room(counts: list[int], seed: int) -> None:
    given_ = np.array([*counts, 3], np.int64)
    for quota in (int(given_.sum()) // 2, int(given_.sum()) * 3):
        found = to_quota(given_, quota, None, np.random.default_rng(seed))
        assert (found[given_ == 0] == 0).all()


def test_nobody_to_give_children_to_is_no_crash() -> None:
    rng = np.random.default_rng(0)
    assert to_quota(np.empty(0, np.int64), 5, None, rng).tolist() == []
    assert to_quota(np.zeros(4, np.int64), 0, 0, rng).tolist() == [0, 0, 0, 0]
    assert to_quota(np.zeros(4, np.int64), 8, None, rng).sum() == 8


def test_buckets_rise_with_the_count_and_stay_inside() -> None:
    codes = bucket(np.arange(100_000))
    assert codes[:8].tolist() == list(range(8))
    assert (np.diff(codes) >= 0).all()
    assert codes.max() == BUCKETS - 1


@given(
    st.lists(st.none() | st.integers(0, 9), max_size=20),
    st.lists(st.integers(0, 9), max_size=10, unique=True),
)
def test_a_link_is_the_position_of_the_parent(
    children: list[int | None], parents: list[int]
) -> None:
    child = pa.table({"p_id": pa.array(children, pa.int32())})
    parent = pa.table({"id": pa.array(parents, pa.int64())})
    expected = [parents.index(c) if c in parents else -1 for c in children]
    assert parent_rows(child, parent, key("c", "p")).tolist() == expected


def test_a_composite_key_links_only_where_all_of_it_is_equal() -> None:
    both = ForeignKey("f", named("c"), ("a", "b"), named("p"), ("x", "y"))
    child = pa.table({"a": [1, 1, 2, None, 2], "b": ["u", "v", "u", "u", None]})
    parent = pa.table({"x": [2, 1, 9], "y": ["u", "v", "w"]})
    assert parent_rows(child, parent, both).tolist() == [-1, 1, 0, -1, -1]


def test_a_key_on_an_array_links_equal_arrays() -> None:
    child, parent = pa.table({"p_id": [[1, 2], None, [2], []]}), pa.table({"id": [[], [1, 2]]})
    assert parent_rows(child, parent, key("c", "p")).tolist() == [1, -1, -1, 0]


@given(
    st.lists(st.floats(0.001, 1.0), min_size=1, max_size=30),
    st.integers(1, 500),
    st.integers(0, 99),
)
def test_a_row_drawn_from_a_cluster_belongs_to_it(
    shares: list[float], rows: int, seed: int
) -> None:
    clusters = Clusters(Support().declared(np.array(shares) / sum(shares)))
    of_row = clusters.of(np.arange(rows), rows)
    assert ((of_row >= 0) & (of_row < clusters.count)).all()
    filled = np.intersect1d(np.arange(clusters.count), of_row)
    drawn = clusters.draw(filled.repeat(3), rows, np.random.default_rng(seed))
    assert clusters.of(drawn, rows).tolist() == filled.repeat(3).tolist()


@given(st.integers(1, 60), st.integers(1, 60))
def test_every_cluster_has_a_row_where_there_are_enough(count: int, rows: int) -> None:
    clusters = Clusters(Support().declared(np.full(count, 1 / count)))
    found = set(clusters.of(np.arange(rows), rows).tolist())
    assert len(found) == min(count, rows)


def test_an_empty_cluster_gives_any_row() -> None:
    clusters = Clusters(Support().declared(np.array([0.5, 0.0, 0.5])))
    drawn = clusters.draw(np.full(2000, 1), 10, np.random.default_rng(3))
    assert set(drawn.tolist()) == set(range(10))


@given(st.integers(1, 30), st.integers(1, 400), st.integers(0, 99))
def test_rows_of_a_cluster_are_drawn_as_often_as_each_other(
    rows: int, drawn: int, seed: int
) -> None:
    clusters = Clusters(Support().declared(np.array([0.5, 0.5])))
    members = np.flatnonzero(clusters.of(np.arange(2 * rows), 2 * rows) == 0)
    found = clusters.draw(np.zeros(drawn, np.int64), 2 * rows, np.random.default_rng(seed))
    counts = np.bincount(found, minlength=2 * rows)[members]
    assert counts.sum() == drawn
    assert counts.max() - counts.min() <= 1


def test_one_cluster_holds_every_row() -> None:
    clusters = unclustered(Support())
    assert clusters.count == 1
    assert set(clusters.of(np.arange(50), 50).tolist()) == {0}


def popular_references(
    public: bool,
) -> tuple[Clusters, np.ndarray[tuple[int], np.dtype[np.int32]]]:
    """100 rows, the first of which 500 people reference, the others 3 each."""
    children = np.concatenate([np.zeros(500), np.repeat(np.arange(1, 100), 3)]).astype(np.int64)
    people = np.arange(len(children), dtype=np.int64)
    return fit_clusters(np.arange(100), [(children, people)], public, Support(K))


def test_a_public_row_that_many_reference_is_a_cluster_of_its_own() -> None:
    clusters, codes = popular_references(public=True)
    assert codes[0] == 0
    assert (codes[1:] > 0).all()
    assert clusters.shares.value[0] == pytest.approx(0.01)


def test_a_person_is_never_a_cluster_of_their_own() -> None:
    clusters, codes = popular_references(public=False)
    assert np.bincount(codes, minlength=clusters.count).min() >= K


def test_a_public_row_that_few_people_reference_is_no_cluster_of_its_own() -> None:
    children = np.concatenate([np.zeros(500), np.arange(1, 100)]).astype(np.int64)
    people = np.concatenate([np.zeros(500), np.arange(99)]).astype(np.int64)
    _, codes = fit_clusters(np.arange(100), [(children, people)], True, Support(K))
    assert np.bincount(codes).min() >= K


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_siblings_know_their_place_and_number(sizes: list[int]) -> None:
    found = siblings(np.repeat(np.arange(len(sizes)), sizes))
    places = np.concatenate([np.arange(n) for n in sizes])
    assert found.column("@position").tolist() == bucket(places).tolist()
    assert found.column("@siblings").tolist() == bucket(np.repeat(sizes, sizes)).tolist()


def test_larger_clusters_come_first_by_degree() -> None:
    _, codes = popular_references(public=False)
    rng = np.random.default_rng(5)
    degrees = rng.zipf(1.5, 1000).clip(max=500)
    children = np.repeat(np.arange(1000), degrees)
    clusters, codes = fit_clusters(
        np.arange(1000), [(children, np.arange(len(children)))], False, Support(K)
    )
    means = [degrees[codes == c].mean() for c in range(clusters.count)]
    assert clusters.count > 3
    assert all(a >= b for a, b in pairwise(means))


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(0, 40), st.integers(1, 5))
def test_as_many_owners_as_can_be_have_enough_children_and_none_is_made(
    sizes: list[int], wanted: int, least: int
) -> None:
    counts = np.array(sizes, np.int64)
    found = with_enough(counts, wanted, least, np.random.default_rng(1))
    possible = min(wanted, len(counts), int(counts.sum()) // least)
    assert found.sum() == counts.sum()
    assert found.min() >= 0
    assert (found >= least).sum() >= possible


def test_counts_that_are_enough_already_stay() -> None:
    counts = np.array([0, 3, 1, 4])
    assert with_enough(counts, 2, 3, np.random.default_rng(1)).tolist() == counts.tolist()
