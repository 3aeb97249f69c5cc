"""Every table finds the person whose data it holds."""

from connectors.datatypes import DataType, Kind
from connectors.profile import TableSize
from connectors.schema import Column, ForeignKey, Schema, Table, TableName, Unique
from generators.privacy.units import unit_paths

INTEGER = DataType(Kind.INTEGER, "integer", bits=32)
TEXT = DataType(Kind.TEXT, "text")


def named(name: str) -> TableName:
    return TableName("public", name)


def key(child: str, parent: str, column: str | None = None) -> ForeignKey:
    column = column or f"{parent}_id"
    return ForeignKey(f"{child}_{column}", named(child), (column,), named(parent), ("id",))


def table(
    name: str,
    *keys: ForeignKey,
    texts: tuple[str, ...] = (),
    nullable: tuple[str, ...] = (),
) -> Table:
    columns = [Column("id", INTEGER, nullable=False)]
    columns += [Column(c, INTEGER, c in nullable) for f in keys for c in f.columns]
    columns += [Column(t, TEXT) for t in texts]
    return Table(
        named(name), tuple(columns), (Unique(f"{name}_pk", ("id",), primary=True),), tuple(keys)
    )


PERSON = table("customer", texts=("first_name", "last_name", "email"))
ORDERS = table("orders", key("orders", "customer"))
LINES = table("line", key("line", "orders"), key("line", "product"))
PRODUCT = table("product", texts=("title",))
SHOP = Schema((PERSON, ORDERS, LINES, PRODUCT))


def test_a_table_of_named_people_is_the_unit() -> None:
    paths = unit_paths(SHOP, {})
    assert paths[named("customer")].unit == named("customer")
    assert paths[named("customer")].keys == ()


def test_a_path_follows_the_keys_up_to_the_person() -> None:
    path = unit_paths(SHOP, {})[named("line")]
    assert path.unit == named("customer")
    assert [f.parent.name for f in path.keys] == ["orders", "customer"]


def test_a_table_that_leads_to_nobody_belongs_to_nobody_and_is_not_split() -> None:
    path = unit_paths(SHOP, {})[named("product")]
    assert path.unit is None
    assert not path.splits


def test_units_that_are_named_are_taken_as_they_are() -> None:
    paths = unit_paths(SHOP, {}, (named("orders"),))
    assert paths[named("line")].unit == named("orders")
    assert paths[named("customer")].unit is None


def test_a_person_tells_better_whose_rows_are() -> None:
    shown = table("parcel", key("parcel", "customer"), key("parcel", "orders"))
    schema = Schema((*SHOP.tables, shown))
    ways = {named("parcel"): "orders_id", named("orders"): None}
    paths = unit_paths(schema, {}, ways=ways)
    assert [paths[named(n)].unit for n in ("orders", "line", "parcel")] == [None] * 3
    found = unit_paths(schema, {}, ways={named("parcel"): "orders_id"})
    assert found[named("parcel")].keys[0] == shown.foreign_keys[1]


def test_the_closest_bond_wins_where_two_keys_lead_to_people() -> None:
    friend = key("message", "customer", "friend_id")
    author = key("message", "customer", "author_id")
    message = table("message", friend, author, nullable=("friend_id",))
    paths = unit_paths(Schema((PERSON, message)), {})
    assert paths[named("message")].keys == (author,)


def test_a_self_reference_leads_nowhere() -> None:
    person = table(
        "employee", key("employee", "employee", "manager_id"), texts=("first_name", "last_name")
    )
    paths = unit_paths(Schema((person,)), {})
    assert paths[named("employee")].keys == ()


def test_keys_in_a_cycle_end() -> None:
    a, b = table("a", key("a", "b")), table("b", key("b", "a"))
    paths = unit_paths(Schema((a, b, PERSON)), {})
    assert paths[named("a")].unit is None
    assert paths[named("b")].unit is None


def test_without_people_large_roots_are_the_units() -> None:
    schema = Schema((table("device"), table("reading", key("reading", "device"))))
    sizes = {named("device"): TableSize(1000, 0), named("reading"): TableSize(20_000, 0)}
    paths = unit_paths(schema, sizes)
    assert paths[named("reading")].unit == named("device")


def test_without_any_units_every_row_that_nothing_references_stands_for_itself() -> None:
    schema = Schema((table("code"), table("fact", key("fact", "code"))))
    sizes = {named("code"): TableSize(5, 0), named("fact"): TableSize(20_000, 0)}
    paths = unit_paths(schema, sizes)
    assert paths[named("fact")].unit is None
    assert paths[named("fact")].splits
    assert not paths[named("code")].splits
