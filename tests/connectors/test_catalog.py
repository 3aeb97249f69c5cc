"""Introspection reads what PostgreSQL declares, whatever its manner and whatever the settings."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from connectors.datatypes import DataType, Kind, Shape, arrow_type
from connectors.engines.postgresql.catalog import read_schema, read_sizes
from connectors.graph import cycles
from connectors.profile import TableSize
from connectors.schema import Schema, Sequence, Table, TableName, Unmodelled

DATABASES = Path(__file__).parents[1] / "databases"
Declare = Callable[..., Schema]


def read_only(url: str, settings: str = "") -> Connection:
    """A connection as introspection gets it, after some settings of the session."""
    address = url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(address, poolclass=NullPool, connect_args={"options": settings})
    connection = engine.connect()
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def execute(url: str, statements: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statements.encode())


@pytest.fixture(scope="module")
def read_before() -> dict[tuple[str, str], Schema]:
    """What was declared and read by an earlier test; a schema cannot change."""
    return {}


@pytest.fixture
def declare(new_database: Callable[[], str], read_before: dict[tuple[str, str], Schema]) -> Declare:
    """Runs a file of `tests/databases` and more SQL, and reads what they declare."""

    def read(file: str = "", more: str = "") -> Schema:
        if (file, more) not in read_before:
            url = new_database()
            execute(url, (DATABASES / file).read_text() if file else "")
            execute(url, more)
            with read_only(url) as connection:
                read_before[file, more] = read_schema(connection)
        return read_before[file, more]

    return read


def table(schema: Schema, name: str) -> Table:
    """The table of that name, which stands in one schema only."""
    [found] = [t for t in schema.tables if t.name.name == name]
    return found


def types(of: Table) -> dict[str, DataType]:
    return {column.name: column.datatype for column in of.columns}


def test_an_empty_database_declares_nothing(declare: Declare) -> None:
    assert declare() == Schema(tables=())


@pytest.mark.parametrize("file", sorted(p.name for p in DATABASES.glob("*.sql")))
def test_the_settings_of_a_session_change_nothing_and_are_kept(
    new_database: Callable[[], str], file: str
) -> None:
    url = new_database()
    execute(url, (DATABASES / file).read_text())
    strange = "-c search_path=kinds,staff,public -c timezone=Asia/Tokyo -c quote_all_identifiers=on"
    with read_only(url) as plain, read_only(url, strange + " -c datestyle=German") as other:
        assert read_schema(plain) == read_schema(other)
        assert other.scalar(text("show search_path")) == "kinds,staff,public"
        assert other.scalar(text("show timezone")) == "Asia/Tokyo"


@pytest.mark.parametrize("file", sorted(p.name for p in DATABASES.glob("*.sql")))
def test_the_server_casts_to_every_type_with_an_empty_search_path(
    new_database: Callable[[], str], file: str
) -> None:
    url = new_database()
    execute(url, (DATABASES / file).read_text())
    with read_only(url) as connection:
        schema = read_schema(connection)
        connection.execute(text("set local search_path to ''"))
        for column in (c for t in schema.tables for c in t.columns if c.datatype.domain is None):
            spelled = column.datatype.sql.replace(":", r"\:")
            connection.execute(text(f"select cast(null as {spelled})"))
            assert arrow_type(column.datatype) is not None


def test_numbers_keep_their_widths_precision_and_scale(declare: Declare) -> None:
    found = types(table(declare("types.sql"), "everything"))
    assert found["small"] == DataType(Kind.INTEGER, "smallint", bits=16)
    assert found["large"] == DataType(Kind.INTEGER, "bigint", bits=64)
    assert found["single"] == DataType(Kind.FLOAT, "real", bits=32)
    assert found["anything"] == DataType(Kind.DECIMAL, "numeric")
    assert found["money_like"] == DataType(Kind.DECIMAL, "numeric(12,4)", precision=12, scale=4)
    assert found["whole"] == DataType(Kind.DECIMAL, "numeric(6,0)", precision=6, scale=0)


def test_texts_keep_their_length_and_padding(declare: Declare) -> None:
    found = types(table(declare("types.sql"), "everything"))
    assert found["free"] == DataType(Kind.TEXT, "text")
    assert found["endless"] == DataType(Kind.TEXT, "character varying")
    assert found["short"] == DataType(Kind.TEXT, "character varying(20)", length=20)
    assert found["fixed"] == DataType(Kind.TEXT, "character(3)", length=3, padded=True)
    assert found["one"] == DataType(Kind.TEXT, "character(1)", length=1, padded=True)
    assert found["blank"] == DataType(Kind.TEXT, "bpchar", padded=True)
    assert found["ident"] == DataType(Kind.TEXT, "name", length=63)


def test_other_builtin_types_have_their_kinds(declare: Declare) -> None:
    found = types(table(declare("types.sql"), "everything"))
    kinds = {name: datatype.kind for name, datatype in found.items()}
    assert kinds["flag"] is Kind.BOOLEAN
    assert kinds["day"] is Kind.DATE
    assert kinds["clock"] is Kind.TIME
    assert kinds["moment"] is Kind.TIMESTAMP
    assert kinds["zoned_moment"] is Kind.TIMESTAMPTZ
    assert kinds["span"] is Kind.INTERVAL
    assert kinds["id"] is Kind.UUID
    assert kinds["document"] is kinds["tree"] is Kind.JSON
    assert kinds["raw"] is Kind.BYTES
    others = "zoned_clock cash flags address mac spot during searchable page number_of_object class"
    for name in [*others.split(), "vector", "place", "internal"]:
        assert kinds[name] is Kind.OTHER, name


def test_an_enum_keeps_its_labels_in_order(declare: Declare) -> None:
    mood = types(table(declare("types.sql"), "everything"))["mood"]
    assert mood == DataType(Kind.ENUM, 'kinds."Mood"', labels=("sad", "it's ok", "happy"))


def test_an_array_keeps_the_type_of_its_elements(declare: Declare) -> None:
    found = types(table(declare("types.sql"), "everything"))
    assert found["numbers"].element == DataType(Kind.INTEGER, "integer", bits=32)
    assert found["amounts"].element == DataType(Kind.DECIMAL, "numeric(8,3)", precision=8, scale=3)
    assert found["moods"].element == found["mood"]


def test_a_composed_type_keeps_the_types_of_its_parts(declare: Declare) -> None:
    more = "create type kinds.spread as range (subtype = float8); create table c (s kinds.spread)"
    schema = declare("types.sql", more)
    found, double = types(table(schema, "everything")), DataType(Kind.FLOAT, "double precision", 64)
    assert (found["place"].shape, found["place"].parts) == (Shape.ROW, (double,) * 3)
    short = DataType(Kind.TEXT, "character varying(5)", length=5)
    assert (found["names"].shape, found["names"].parts) == (Shape.GRID, (short,))
    assert found["names"].kind is Kind.OTHER
    spread = types(table(schema, "c"))["s"]
    assert (spread.shape, spread.parts) == (Shape.RANGE, (double,))
    assert found["during"].shape is None


def test_a_domain_has_its_own_name_and_the_kind_of_its_base(declare: Declare) -> None:
    found = types(table(declare("types.sql"), "everything"))
    assert found["discount"] == DataType(
        Kind.DECIMAL,
        "kinds.discount",
        precision=5,
        scale=2,
        domain="kinds.discount",
        base="numeric(5,2)",
    )
    assert found["rates"].element == found["rate"]
    assert found["some_moods"].kind is Kind.ARRAY
    assert found["some_moods"].element == found["mood"]


def test_a_domain_hands_its_checks_default_and_not_null_to_the_column(declare: Declare) -> None:
    everything = table(declare("types.sql"), "everything")
    of_discount = [check for check in everything.checks if check.columns == ("discount",)]
    assert [check.name for check in of_discount] == ["percent_high", "percent_low", "discount_high"]
    assert of_discount[2].sql == "((VALUE)::numeric <= (50)::numeric)"
    assert not everything.column("discount").nullable
    assert everything.column("discount").default == "0"
    assert everything.column("rate").nullable


def test_a_check_of_an_arrays_elements_is_named_as_unmodelled(declare: Declare) -> None:
    lost = [found.name for found in declare("types.sql").unmodelled if found.kind == "check"]
    assert lost == [
        "kinds.everything rates percent_high",
        "kinds.everything rates percent_low",
    ]


def test_generated_identity_and_default_are_told_apart(declare: Declare) -> None:
    everything = table(declare("types.sql"), "everything")
    assert everything.column("doubled").generated == "(middle * 2)"
    assert everything.column("doubled").default is None
    assert everything.column("counted").identity == "BY DEFAULT"
    assert everything.column("preset").default == "('a'::text || 'b'::text)"
    assert "doubled" not in {column.name for column in everything.written}


def test_a_sequence_is_listed_for_every_column_that_it_feeds(declare: Declare) -> None:
    shared = TableName("kinds", "shared")
    found = [s for s in declare("types.sql").sequences if s.name == shared]
    assert found == [
        Sequence(shared, TableName("kinds", "fed_one"), "id"),
        Sequence(shared, TableName("kinds", "fed_two"), "id"),
    ]


def test_what_is_no_table_is_named_as_unmodelled(declare: Declare) -> None:
    schema = declare(
        "types.sql",
        "create foreign data wrapper far; create server far foreign data wrapper far;"
        "create foreign table remote (id integer) server far; create view v as select 1",
    )
    kinds = {(found.kind, found.name) for found in schema.unmodelled}
    assert ("materialized view", "kinds.summary") in kinds
    assert ("composite type", "kinds.point3") in kinds
    assert {t.name.name for t in schema.tables} == {"everything", "fed_one", "fed_two", "nothing"}


def test_what_never_travels_is_named(declare: Declare) -> None:
    schema = declare(
        "",
        "create table t (id integer); create publication fed for table t;"
        "create foreign data wrapper far; create server near foreign data wrapper far;"
        "create foreign table remote (id integer) server near; grant select on t to public;"
        "create function f() returns event_trigger language plpgsql as 'begin end';"
        "create event trigger e on sql_drop execute function f();"
        "revoke execute on function f() from public; create domain usual as integer;"
        "alter default privileges in schema public grant select on tables to public",
    )
    assert {(found.kind, found.name) for found in schema.left_out} == {
        ("default privileges", "public"),
        ("event trigger", "e"),
        ("foreign data wrapper", "far"),
        ("foreign table", "public.remote"),
        ("privileges", "public"),
        ("publication", "fed"),
        ("server", "near"),
    }
    [granted] = [found.why for found in schema.left_out if found.kind == "privileges"]
    assert granted.startswith("those of 2 objects")


def test_a_composite_foreign_key_keeps_order_match_and_actions(declare: Declare) -> None:
    [key] = table(declare("composite_keys.sql"), "warehouse").foreign_keys
    assert key.columns == ("code_of_region", "country")
    assert key.parent_columns == ("code", "country")
    assert key.match_full
    assert (key.on_delete, key.on_update) == ("SET NULL", "CASCADE")
    assert key.validated
    assert not key.deferrable


def test_uniques_tell_their_columns_expressions_predicate_and_origin(declare: Declare) -> None:
    schema = declare("composite_keys.sql")
    region = table(schema, "region").primary_key
    assert region is not None
    assert region.columns == ("code", "country")
    primary, shelf, label = table(schema, "warehouse").uniques
    assert primary.primary
    assert shelf.deferrable
    assert shelf.constraint
    assert label.columns == ("code_of_region",)
    assert label.expressions == ("lower(label)",)
    assert label.predicate == "(label IS NOT NULL)"
    assert not label.constraint
    names = [index.name for index in table(schema, "warehouse").indexes]
    assert names == ["by_shelf", "one_label_per_region"]


def test_nulls_not_distinct_is_read_where_the_server_knows_it(declare: Declare) -> None:
    schema = declare(more="create table t (a integer unique nulls not distinct, b integer unique)")
    assert [u.nulls_distinct for u in table(schema, "t").uniques] == [False, True]


def test_what_is_not_valid_is_not_validated(declare: Declare) -> None:
    schema = declare("composite_keys.sql")
    checks = {check.name: check for check in table(schema, "warehouse").checks}
    assert checks["shelf_is_positive"].validated
    assert checks["shelf_is_positive"].columns == ("shelf",)
    assert not checks["label_is_short"].validated
    assert not table(schema, "booking").foreign_keys[0].validated


def test_an_exclusion_is_no_index_and_no_unique(declare: Declare) -> None:
    booking = table(declare("composite_keys.sql"), "booking")
    [exclusion] = booking.exclusions
    assert exclusion.sql.startswith("EXCLUDE USING gist (during WITH &&) WHERE")
    assert booking.indexes == ()
    assert booking.uniques == ()


def test_cycles_and_deferrable_keys_are_read(declare: Declare) -> None:
    schema = declare("cycles.sql")
    rings = [{name.name for name in ring} for ring in cycles(schema)]
    assert sorted(map(sorted, rings)) == [["a", "b", "c"], ["department", "employee"]]
    keys = {key.columns: key for key in table(schema, "employee").foreign_keys}
    assert keys["department",].deferrable
    assert keys["mentor",].self_reference


def test_a_partitioned_table_stands_for_its_branches_and_leaves(declare: Declare) -> None:
    schema = declare("partitions.sql")
    names = {t.name.name for t in schema.tables}
    assert names >= {"payment", "measurement", "empty_log"}
    assert not any("_2021" in name or "_2022" in name for name in names)
    payment = table(schema, "payment")
    assert payment.partitioned_by == "RANGE (paid)"
    assert [p.name.name for p in payment.partitions] == [
        "payment_2021",
        "payment_2022",
        "payment_2022_even",
        "payment_2022_odd",
    ]
    assert payment.partitions[0].bound == "FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')"
    assert table(schema, "empty_log").partitions == ()


def test_keys_of_partitions_are_lifted_to_their_table(declare: Declare) -> None:
    payment = table(declare("partitions.sql"), "payment")
    [key] = payment.foreign_keys
    assert (key.name, key.table.name, key.parent.name) == ("paid_by", "payment", "customer")
    assert not key.validated
    assert [(u.columns, u.primary) for u in payment.uniques] == [(("id",), True)]
    assert not payment.column("id").nullable
    assert [index.name for index in payment.indexes] == ["payment_2021_customer"]


def test_a_check_is_lifted_when_every_leaf_declares_it(declare: Declare) -> None:
    schema = declare("partitions.sql")
    names = [check.name for check in table(schema, "payment").checks]
    assert names == ["payment_amount_check", "customer_is_known"]
    why = "some partitions declare it, others do not"
    assert Unmodelled("check", "public.payment in_2021", why) in schema.unmodelled


def test_a_key_to_a_partition_has_the_partitioned_table_as_parent(declare: Declare) -> None:
    schema = declare("partitions.sql")
    [key] = table(schema, "refund").foreign_keys
    assert key.parent == TableName("public", "payment")
    assert [u.kind for u in schema.unmodelled if "refund" in u.name] == ["foreign key"]
    [whole] = table(schema, "comment").foreign_keys
    assert whole.parent == TableName("public", "measurement")


def test_an_inheritance_child_is_a_table_of_its_own(declare: Declare) -> None:
    schema = declare("partitions.sql")
    city = table(schema, "city")
    assert city.inherits == (TableName("public", "place"),)
    assert [column.name for column in city.columns] == ["id", "name", "population"]
    assert [check.sql for check in city.checks] == ["(name <> ''::text)"]
    assert city.primary_key is None
    assert ("rule", "public.city no_city") in {(u.kind, u.name) for u in schema.unmodelled}


def test_strange_names_arrive_as_they_are(declare: Declare) -> None:
    schema = declare("identifiers.sql")
    assert [t.name for t in schema.tables] == [
        TableName("%s; drop", "table"),
        TableName('Größe "X".y', "table"),
        TableName("public", "table"),
    ]
    strange = schema.tables[1]
    names = [column.name for column in strange.columns]
    assert names == ["order", "a.b", ":name", "two words", "CamelCase"]
    assert strange.column("a.b").datatype.sql == '"Größe ""X"".y"."select"'
    assert schema.tables[0].foreign_keys[0].parent_columns == ("two words",)
    assert schema.tables[2].triggers == ("Before %s",)


def test_a_table_of_an_extension_is_left_out_and_a_key_to_it_is_named(declare: Declare) -> None:
    schema = declare(
        more="create table theirs (id integer primary key);"
        "create table ours (id integer references theirs);"
        "alter extension plpgsql add table theirs"
    )
    assert [t.name.name for t in schema.tables] == ["ours"]
    assert schema.tables[0].foreign_keys == ()
    assert [u.name for u in schema.unmodelled] == ["public.ours ours_id_fkey"]


def test_an_index_that_was_not_built_to_its_end_is_no_unique(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    execute(url, "create table t (id integer); create unique index broken on t (id)")
    execute(url, "update pg_index set indisvalid = false where indexrelid = 'broken'::regclass")
    with read_only(url) as connection:
        schema = read_schema(connection)
    assert table(schema, "t").uniques == ()
    assert [u.name for u in schema.unmodelled] == ["public.t broken"]


def test_sizes_follow_the_rows_of_all_partitions(new_database: Callable[[], str]) -> None:
    url = new_database()
    execute(url, (DATABASES / "partitions.sql").read_text())
    execute(
        url,
        "insert into customer select generate_series(1, 1000);"
        "insert into payment (customer, paid, amount)"
        " select n, date '2021-06-01' + n, 1 from generate_series(1, 500) n;"
        "analyze",
    )
    with read_only(url) as connection:
        sizes = read_sizes(connection)
    assert sizes[TableName("public", "customer")].rows == 1000
    assert sizes[TableName("public", "payment")].rows == 500
    assert sizes[TableName("public", "payment")].bytes > 0
    assert sizes[TableName("public", "empty_log")] == TableSize(0, 0)
    assert TableName("public", "payment_2021") not in sizes


def test_a_table_never_analyzed_is_not_taken_for_empty(database: str) -> None:
    execute(database, "create table t as select n from generate_series(1, 10000) n")
    with read_only(database) as connection:
        assert read_sizes(connection)[TableName("public", "t")].rows > 1000
