"""Rows look at those of another table only where these are known by then, and the rule is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned
from querying import query

from connectors.engines import open_target
from connectors.schema import TableName
from generators.archive import fingerprint
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.appending import append
from provisioner.events import silent
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

LATE = """
CREATE TABLE shelf (id int PRIMARY KEY, width int NOT NULL, best int);
CREATE TABLE book (shelf int PRIMARY KEY REFERENCES shelf, pages int NOT NULL);
INSERT INTO shelf SELECT n, abs(hashtext('w' || n)) % 50 FROM generate_series(1, 1600) AS n;
INSERT INTO book SELECT id, abs(hashtext('p' || id)) % 50 FROM shelf WHERE id % 2 = 0;
UPDATE shelf SET best = 2 * (1 + abs(hashtext('b' || id)) % 800) WHERE id % 3 < 2;
ALTER TABLE shelf ADD FOREIGN KEY (best) REFERENCES book;
CREATE TABLE reader (id int PRIMARY KEY, age int NOT NULL);
INSERT INTO reader SELECT n, abs(hashtext('a' || n)) % 50 FROM generate_series(1, 400) AS n;
CREATE TABLE loan (
    id int PRIMARY KEY, reader int NOT NULL REFERENCES reader, book int NOT NULL REFERENCES book
);
INSERT INTO loan SELECT row_number() OVER (), r.id, s.best FROM reader AS r,
    generate_series(1, 4) AS n, LATERAL (SELECT best FROM shelf WHERE best IS NOT NULL
        ORDER BY md5(shelf.id || 'l' || r.id || n) LIMIT 1) AS s;
"""
BESIDE = """
CREATE TABLE article (id int PRIMARY KEY, weight int NOT NULL);
INSERT INTO article SELECT n, abs(hashtext('w' || n)) % 90 FROM generate_series(1, 300) AS n;
CREATE TABLE orders (id int PRIMARY KEY, zone int NOT NULL);
INSERT INTO orders SELECT n, abs(hashtext('z' || n)) % 90 FROM generate_series(1, 900) AS n;
CREATE TABLE item (
    id int PRIMARY KEY, orders int NOT NULL REFERENCES orders,
    article int NOT NULL REFERENCES article
);
CREATE TABLE shipment (LIKE item INCLUDING ALL);
ALTER TABLE shipment ADD FOREIGN KEY (orders) REFERENCES orders,
    ADD FOREIGN KEY (article) REFERENCES article;
INSERT INTO item SELECT row_number() OVER (), o.id, 1 + 2 * (abs(hashtext('i' || o.id || n)) % 100)
FROM orders AS o, generate_series(1, 1 + abs(hashtext('c' || o.id)) % 7) AS n;
INSERT INTO shipment
SELECT row_number() OVER (), o.id, 1 + 2 * (abs(hashtext('s' || o.id || n)) % 100)
FROM orders AS o, generate_series(1, 1 + abs(hashtext('c' || o.id)) % 7) AS n;
"""
MADE = """
CREATE TABLE town (id int PRIMARY KEY, size int NOT NULL);
INSERT INTO town SELECT n, abs(hashtext('w' || n)) % 90 FROM generate_series(1, 300) AS n;
CREATE TABLE house (id int PRIMARY KEY, floors int NOT NULL);
INSERT INTO house SELECT n * 7 + 1000 + abs(hashtext('i' || n)) % 7, abs(hashtext('z' || n)) % 90
FROM generate_series(1, 1200) AS n;
CREATE TABLE inn (house int PRIMARY KEY REFERENCES house, town int NOT NULL REFERENCES town);
INSERT INTO inn SELECT id, 1 + 2 * (abs(hashtext('t' || id)) % 100) FROM house
WHERE abs(hashtext('c' || id)) % 2 = 0;
CREATE TABLE guest (id int PRIMARY KEY, age int NOT NULL);
INSERT INTO guest SELECT n, abs(hashtext('u' || n)) % 90 FROM generate_series(1, 700) AS n;
CREATE TABLE night (
    id int PRIMARY KEY, guest int NOT NULL REFERENCES guest, town int NOT NULL REFERENCES town,
    inn_house int
);
INSERT INTO night SELECT row_number() OVER (), g.id, 1 + abs(hashtext('s' || g.id || n)) % 200, i.h
FROM guest AS g, generate_series(1, 4) AS n, LATERAL (SELECT house FROM inn
    ORDER BY md5(house || 'r' || g.id || n) LIMIT 1) AS i (h);
CREATE TABLE sign (id int PRIMARY KEY, inn int REFERENCES inn);
INSERT INTO sign SELECT row_number() OVER (), house FROM inn;
"""
STEPS = {
    "keys that wait for others": (LATE, ("reader", "shelf")),
    "rows counted beside others": (BESIDE, ("orders",)),
    "keys that nobody declared": (MADE, ("guest", "house")),
}


@pytest.fixture(scope="module", params=[*STEPS])
def model(
    request: pytest.FixtureRequest,
    lasting_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> DatabaseModel:
    source, (sql, names) = lasting_database(), STEPS[request.param]
    query(source, sql)
    units = tuple(TableName("public", name) for name in names)
    return learned(source, Learning(units=units), tmp_path_factory.mktemp("looking"))


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_what_would_wait_for_itself_is_drawn_all_the_same(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path, scale: float
) -> None:
    assert any(found.rule.kind == "among" for found in model.invariants)
    assert filled(model, lasting_database(), tmp_path, scale=scale).passed


SHOPS = """
CREATE TABLE article (id int PRIMARY KEY, weight int NOT NULL);
INSERT INTO article SELECT n, abs(hashtext('w' || n)) % 90 FROM generate_series(1, 200) AS n;
CREATE TABLE shop (id int PRIMARY KEY, kind int NOT NULL);
INSERT INTO shop SELECT n, abs(hashtext('k' || n)) % 4 FROM generate_series(1, 300) AS n;
CREATE TABLE offered (
    id int PRIMARY KEY, shop int NOT NULL REFERENCES shop, article int NOT NULL REFERENCES article
);
INSERT INTO offered SELECT row_number() OVER (), shop, article
FROM (SELECT DISTINCT id, 1 + abs(hashtext(id || 'a' || n)) % 200
      FROM shop, generate_series(1, 8) AS n) AS x (shop, article);
CREATE TABLE sale (
    id int PRIMARY KEY, shop int NOT NULL REFERENCES shop, day date NOT NULL
);
INSERT INTO sale SELECT row_number() OVER (), id, date '2023-01-01' + abs(hashtext(id || 'd' || n))
    % 700 FROM shop, generate_series(1, 5) AS n;
CREATE TABLE line (
    id int PRIMARY KEY, sale int NOT NULL REFERENCES sale, article int NOT NULL REFERENCES article,
    parent int REFERENCES line
);
INSERT INTO line SELECT row_number() OVER (), s.id, x.article, NULL
FROM sale AS s, LATERAL (SELECT article FROM offered WHERE offered.shop = s.shop
    ORDER BY md5(article || 'o' || s.id) LIMIT 2) AS x;
INSERT INTO line SELECT 5000 + row_number() OVER (), l.sale, x.article, l.id
FROM line AS l JOIN sale AS s ON s.id = l.sale, LATERAL (SELECT article FROM offered
    WHERE offered.shop = s.shop ORDER BY md5(article || 'p' || l.id) LIMIT 2) AS x;
"""
OFFERS = "(article, line_sale_fkey.shop) in (public.offered.article, public.offered.shop)"


@pytest.fixture(scope="module")
def shops(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> DatabaseModel:
    source, units = lasting_database(), (TableName("public", "shop"),)
    query(source, SHOPS)
    return learned(source, Learning(units=units), tmp_path_factory.mktemp("appended"))


def test_rows_choose_before_keys_to_their_own_table_are_known(
    shops: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    assert OFFERS in [found.words for found in shops.invariants]
    assert filled(shops, lasting_database(), tmp_path).passed


def test_rows_can_be_appended_where_others_chose(
    shops: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    target = lasting_database()
    filled(shops, target, tmp_path)
    more = plan(shops, fingerprint(tmp_path / "filled.model"), Request(scale=1.0))
    with open_target(target) as opened:
        load(shops, append(shops, more, opened, silent), opened)
    assert query(target, "SELECT count(*) FROM shop") == [(600,)]


def test_tables_too_large_to_be_looked_at_are_told(shops: DatabaseModel) -> None:
    vast = frozenset({TableName("public", "offered")})
    told = {found.words: why for found, why in oriented(shops, vast=vast).unkept}
    assert told[OFFERS] == "public.offered has too many rows to be looked at in every shard"
