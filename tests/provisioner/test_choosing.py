"""Rows choose what stands together in a table of another owner: an order goes where its shop is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.learning import Learning

SHOPS = """
CREATE TABLE article (id int PRIMARY KEY, weight int NOT NULL);
INSERT INTO article SELECT n, abs(hashtext('w' || n)) % 90 FROM generate_series(1, 200) AS n;
CREATE TABLE shop (id int PRIMARY KEY, kind int NOT NULL);
INSERT INTO shop SELECT n, abs(hashtext('k' || n)) % 4 FROM generate_series(1, 400) AS n;
CREATE TABLE orders (id int PRIMARY KEY, shop int NOT NULL REFERENCES shop, day date NOT NULL);
INSERT INTO orders SELECT row_number() OVER (), id,
    date '2023-01-01' + abs(hashtext(id || 'd' || n)) % 700
FROM shop, generate_series(1, 1 + id % 9) AS n;
CREATE TABLE offered (id int PRIMARY KEY, shop int NOT NULL REFERENCES shop,
    article int NOT NULL REFERENCES article, price int NOT NULL);
INSERT INTO offered SELECT row_number() OVER (), shop, article, abs(hashtext(shop || 'p')) % 99
FROM (SELECT DISTINCT id, 1 + abs(hashtext(id || 'a' || n)) % 200
      FROM shop, generate_series(1, 12) AS n) AS x (shop, article);
CREATE TABLE line (id int PRIMARY KEY, orders int NOT NULL REFERENCES orders,
    article int NOT NULL REFERENCES article, pieces int NOT NULL);
INSERT INTO line SELECT row_number() OVER (), o.id, x.article, abs(hashtext(o.id || 'q')) % 9
FROM orders AS o, LATERAL (SELECT article FROM offered WHERE offered.shop = o.shop
    ORDER BY md5(article || 'o' || o.id) LIMIT 1 + o.id % 4) AS x;
CREATE TABLE person (id int PRIMARY KEY, height int NOT NULL);
INSERT INTO person SELECT n, 150 + abs(hashtext('h' || n)) % 50 FROM generate_series(1, 2000) AS n;
CREATE TABLE member (id int PRIMARY KEY, person int NOT NULL REFERENCES person, since int NOT NULL);
INSERT INTO member SELECT row_number() OVER (), id, 2000 + height % 20 FROM person
WHERE abs(hashtext('m' || id)) % 2 = 0;
CREATE TABLE badge (id int PRIMARY KEY, shop int NOT NULL REFERENCES shop,
    person int REFERENCES person, UNIQUE (shop, id));
INSERT INTO badge SELECT row_number() OVER (), 1 + abs(hashtext('f' || person)) % 400, person
FROM member WHERE abs(hashtext('b' || person)) % 3 > 0;
CREATE TABLE card (id int PRIMARY KEY, shop int NOT NULL REFERENCES shop,
    person int NOT NULL REFERENCES person, UNIQUE (shop, id));
CREATE TABLE account (id int PRIMARY KEY, shop int NOT NULL REFERENCES shop,
    person int NOT NULL REFERENCES person, UNIQUE (shop, id));
INSERT INTO card SELECT row_number() OVER (), 1 + abs(hashtext('x' || id)) % 400, id FROM person
WHERE abs(hashtext('u' || id)) % 2 = 0;
INSERT INTO account SELECT row_number() OVER (ORDER BY md5('a' || person)),
    1 + abs(hashtext('y' || person)) % 400, person FROM card;
"""
OFFERS = "(article, line_orders_fkey.shop) in (public.offered.article, public.offered.shop)"
LINES = """
SELECT count(*), count(*) FILTER (WHERE f.article IS NULL), count(*) FILTER (WHERE a.shop IS NULL)
FROM line AS l JOIN orders AS o ON o.id = l.orders
LEFT JOIN (SELECT DISTINCT shop, article FROM offered) AS f
    ON (f.shop, f.article) = (o.shop, l.article)
LEFT JOIN (SELECT DISTINCT shop FROM offered) AS a ON a.shop = o.shop
"""
REPEATS = "SELECT count(*) - count(DISTINCT (orders, article)) FROM line"
ALONE = "SELECT count(*) FROM {} WHERE person NOT IN (SELECT person FROM {})"
BADGES = "(person) in (public.member.person)"


@pytest.fixture(scope="module")
def model(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> DatabaseModel:
    source = lasting_database()
    query(source, SHOPS)
    units = (TableName("public", "shop"), TableName("public", "person"))
    return learned(source, Learning(units=units), tmp_path_factory.mktemp("shops"))


def test_lines_hold_what_the_shop_of_their_order_offers(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    target = lasting_database()
    assert OFFERS in of(model, "line")
    assert filled(model, target, tmp_path).passed
    lines, wrong, hopeless = query(target, LINES)[0]
    assert lines > 1_500
    assert hopeless < 0.1 * lines
    assert wrong == hopeless


def test_rows_that_choose_go_on_to_differ_where_there_is_enough_to_choose_from(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    assert "unique (orders, article)" in of(model, "line")
    target = lasting_database()
    filled(model, target, tmp_path)
    assert query(target, REPEATS)[0][0] <= 0.01 * query(target, LINES)[0][0]


def test_what_stays_where_there_is_none_to_choose_is_told(model: DatabaseModel) -> None:
    told = {found.words: why for found, why in oriented(model).unkept}
    assert told[OFFERS] == "article stays where there is none to choose"


def test_rows_of_which_none_lead_to_one_row_choose_each_another(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    assert {BADGES, "unique (person)"} <= {*of(model, "badge")}
    target = lasting_database()
    filled(model, target, tmp_path)
    assert query(target, "SELECT count(*) > 300, count(*) - count(DISTINCT person) FROM badge") == [
        (True, 0)
    ]
    assert query(target, ALONE.format("badge", "member")) == [(0,)]


def test_of_two_tables_that_hold_the_same_one_chooses_and_the_other_is_told(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    both = {"(person) in (public.account.person)", "(person) in (public.card.person)"}
    assert both <= {*of(model, "card"), *of(model, "account")}
    ring = [w for _, w in oriented(model, frozenset(model.tables)).unkept if " wait for " in w]
    assert len(ring) == 1
    target = lasting_database()
    filled(model, target, tmp_path)
    for pair in (("card", "account"), ("account", "card")):
        assert query(target, ALONE.format(*pair))[0][0] <= 1


def test_all_shards_choose_alike(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    target = lasting_database()
    filled(model, target, tmp_path, scale=15.0)
    lines, wrong, hopeless = query(target, LINES)[0]
    assert lines > 40_000
    assert wrong == hopeless
