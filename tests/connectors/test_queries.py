"""Queries of the user's: what is read, what is refused, and what of them may leave."""

from collections.abc import Callable

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dialect.equalities import Equality, equalities, with_values
from connectors.dialect.queries import open_queries, read_queries
from connectors.engines import open_source, open_target
from connectors.errors import ConnectorError, MissingTool, RefusedStatement, WrongQuery
from connectors.planner import PlanNode, Query
from connectors.schema import TableName

SHOP = """
CREATE TABLE customers (id int PRIMARY KEY, country text);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, country text);
INSERT INTO customers SELECT n, (ARRAY['NZ', 'NZ', 'AU'])[1 + n % 3] FROM generate_series(1, 9) n;
ANALYZE;
"""


@pytest.fixture
def shop(new_database: Callable[[], str]) -> str:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    return url


def test_names_stand_before_queries_and_numbers_where_there_are_none() -> None:
    named = read_queries("-- name: one\nSELECT 1;\n-- name: two\nSELECT ';' AS x")
    assert [(q.name, q.sql) for q in named] == [("one", "SELECT 1"), ("two", "SELECT ';' AS x")]
    assert [q.name for q in read_queries("SELECT 1; SELECT ';';")] == ["query 1", "query 2"]


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM t",
        "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
        "SELECT * INTO u FROM t",
        "SELECT * FROM t FOR UPDATE",
        "COPY t TO STDOUT",
        "EXPLAIN ANALYZE SELECT 1",
        "-- name: two\nSELECT 1; SELECT 2",
        "SELECT FROM WHERE",
    ],
)
def test_what_is_no_single_select_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(WrongQuery, match="query '") as refused:
        read_queries(text)
    assert "FROM t" not in str(refused.value)


def test_the_same_name_may_not_stand_twice() -> None:
    with pytest.raises(WrongQuery, match="two queries"):
        read_queries("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2")


@pytest.mark.parametrize(
    "literal",
    [
        "'s3cret'",
        "E's3cret'",
        "$$s3cret$$",
        "$q$s3cret$q$",
        "U&'s3cret'",
        "B'101'",
        "date 's3cret'",
    ],
)
def test_no_literal_of_any_spelling_is_in_a_pattern(literal: str) -> None:
    [query] = read_queries("SELECT * FROM t WHERE a = ? -- s3cret\n LIMIT 17".replace("?", literal))
    assert "s3cret" not in query.pattern
    assert "101" not in query.pattern
    assert "17" not in query.pattern


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=6))
def test_no_text_gets_into_a_pattern(text: str) -> None:
    quoted = text.replace("'", "''")
    [query] = read_queries(f"-- name: q\nSELECT a FROM t WHERE a = '{quoted}'")
    assert query.pattern == "SELECT a FROM t WHERE a = ?"


def test_equalities_are_found_where_their_table_is_certain(shop: str) -> None:
    [query] = read_queries(
        "SELECT 1 FROM orders o JOIN customers c ON c.id = o.customer"
        " WHERE c.country IN ('NZ', 'AU') AND o.id = 7 AND 'AU' = o.country AND country = 'NZ'"
    )
    with open_source(shop) as source:
        schema = source.schema()
    found = equalities(query, schema)
    customers, orders = TableName("public", "customers"), TableName("public", "orders")
    assert found == (
        Equality(customers, "country", "NZ"),
        Equality(customers, "country", "AU"),
        Equality(orders, "id", "7"),
        Equality(orders, "country", "AU"),
    )
    other = with_values(query, schema, ["FJ", None, None, "O'Z"])
    assert "IN ('FJ', 'AU')" in other.sql
    assert "'O''Z' = o.country" in other.sql


def test_a_value_that_is_there_stands_for_itself_and_another_for_its_rank(shop: str) -> None:
    with open_source(shop) as source:
        table = source.schema().table(TableName("public", "customers"))
        assert source.counterpart(table, "country", "AU", 0) == "AU"
        assert source.counterpart(table, "country", "XX", 0) == "NZ"
        assert source.counterpart(table, "country", "XX", 99) == "AU"
        empty = source.schema().table(TableName("public", "orders"))
        assert source.counterpart(empty, "country", "XX", None) is None


def test_a_query_is_explained_and_neither_run_nor_let_write(shop: str) -> None:
    [query] = read_queries("SELECT * FROM customers WHERE id = 3")
    with open_source(shop) as source:
        plan = source.explained(query)
    assert isinstance(plan, PlanNode)
    assert plan.shape == "Seq Scan on customers"
    smuggled = Query("two", "SELECT 1; DELETE FROM customers", "")
    with open_target(shop) as target:
        assert isinstance(target.explained(smuggled), ConnectorError)
    with psycopg.connect(shop) as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (9,)


def test_a_refused_query_leaves_the_snapshot_usable(shop: str) -> None:
    [query] = read_queries("SELECT * FROM nowhere")
    with open_source(shop) as source:
        assert isinstance(source.explained(query), RefusedStatement)
        known = source.statistics(source.schema())[TableName("public", "customers")]
    assert known.rows == 9
    assert known.bytes > 0
    assert known.indexes.keys() == {"customers_pkey"}
    # Two in three are NZ, one in three is AU.
    assert known.columns["country"].common == pytest.approx((2 / 3, 1 / 3))


def test_of_counted_statements_open_selects_are_kept_once_without_comments() -> None:
    texts = (
        "SELECT * FROM orders WHERE id = $1 AND country = $2 /* for ann@mail.test */",
        "select * from orders  where id = $1 and country = $2",
        "SELECT 'left as it is', $1",
        "DELETE FROM orders WHERE id = $1",
        "SELECT interval $1",
        "<insufficient privilege>",
    )
    [kept] = open_queries(texts)
    assert kept.sql == kept.pattern == "SELECT * FROM orders WHERE id = $1 AND country = $2"
    assert kept.parameters == 2
    assert [q.name for q in open_queries([kept.pattern])] == [kept.name]


def test_a_statement_with_open_values_has_the_plan_for_any_of_them(shop: str) -> None:
    joined = "SELECT * FROM customers AS c JOIN orders ON customer = c.id WHERE"
    columns = ("c.country", "no_such_column", "c.id")
    queries = list(open_queries(f"{joined} {column} = $1" for column in columns))
    with open_source(shop) as source:
        found = [source.explained(query) for query in queries]
    assert isinstance(found[1], RefusedStatement)
    assert [isinstance(found[n], PlanNode) for n in (0, 2)] == [True, True], found


def test_a_server_that_counts_no_statements_says_so(shop: str) -> None:
    with open_source(shop) as source, pytest.raises(MissingTool, match="CREATE EXTENSION"):
        source.counted_statements(10)


def test_statements_that_a_server_counts_come_with_their_values_left_open(shop: str) -> None:
    with psycopg.connect(shop, autocommit=True) as connection:
        (loaded,) = connection.execute("SHOW shared_preload_libraries").fetchone() or ("",)
        if "pg_stat_statements" not in loaded:
            pytest.skip("optional: the server does not count statements")
        connection.execute("CREATE SCHEMA watched")
        connection.execute("CREATE EXTENSION pg_stat_statements SCHEMA watched")
        connection.execute("SELECT * FROM orders WHERE country = 'a secret'")
    with open_source(shop) as source:
        texts = source.counted_statements(10)
        plans = [source.explained(query) for query in open_queries(texts)]
    assert "SELECT * FROM orders WHERE country = $1" in texts
    assert not any("secret" in text or "pg_" in text for text in texts)
    assert all(isinstance(plan, PlanNode) for plan in plans)
