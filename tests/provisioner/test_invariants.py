"""Rules that nobody declared are found, kept in every row, counted, and changed by a person."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from keeping import filled, learned, of
from querying import query

from connectors.datatypes import DataType, Kind
from connectors.engines import open_target
from connectors.invariants import Claim
from connectors.schema import Column, ForeignKey, Schema, Table, TableName
from generators.invariants.arithmetic import Arithmetic
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.carrying import Carrying
from provisioner.contents import contents
from provisioner.errors import WrongRequest
from provisioner.learning import Learning
from provisioner.report import Report, Severity
from provisioner.verify import verify
from provisioner.wishes import Wish, asked

RULES = (Path(__file__).parent.parent / "databases" / "rules.sql").read_text("utf-8")
FEW = (Path(__file__).parent.parent / "databases" / "few_rules.sql").read_text("utf-8")
EXPECTED = {
    "orders": ["due = ordered + interval '14 days'", "total = subtotal + tax", "tax is not null"],
    "lines": ["amount = quantity * price"],
}


@pytest.fixture(scope="module")
def source(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(RULES.encode())
    return url


@pytest.fixture(scope="module")
def model(source: str, tmp_path_factory: pytest.TempPathFactory) -> DatabaseModel:
    return learned(source, Learning(), tmp_path_factory.mktemp("rules"))


def test_rules_of_many_kinds_are_found(model: DatabaseModel) -> None:
    for table, rules in EXPECTED.items():
        assert set(rules) <= set(of(model, table)), of(model, table)
    kinds = {found.rule.kind for found in model.invariants}
    assert kinds >= {"order", "arithmetic", "aggregate", "periods", "dependency"}


def test_a_reviewer_sees_each_rule_with_its_support_and_sql(model: DatabaseModel) -> None:
    listed = contents(model, "0" * 64).invariants
    assert len(listed) == len(model.invariants)
    assert all(rule.sql.startswith("SELECT") and rule.spoken for rule in listed)


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_every_kept_rule_holds_in_the_target(
    model: DatabaseModel, database: str, tmp_path: Path, scale: float
) -> None:
    report = filled(model, database, tmp_path, scale)
    unkept = {(str(f.rule.table), f.words) for f, _ in oriented(model).unkept}
    broken = [
        r for r in report.invariants if r.broken > r.allowed and (r.table, r.rule) not in unkept
    ]
    assert report.passed
    assert not broken
    assert ("public.orders", "tax is not null") not in unkept
    assert len(report.invariants) == len(model.invariants)


@pytest.fixture(scope="module")
def few(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Report]:
    """A target like the database of few rules, and what verifying it told."""
    url, target, folder = lasting_database(), lasting_database(), tmp_path_factory.mktemp("few")
    query(url, FEW)
    return target, filled(learned(url, Learning(), folder), target, folder)


def test_rules_along_keys_that_own_nothing_and_of_few_people_are_kept(
    few: tuple[str, Report],
) -> None:
    _, report = few
    kept = {rule.rule for rule in report.invariants if rule.broken <= rule.allowed}
    assert kept >= {
        "unique (locker_id)",
        "count(loans) >= 1 per loans_book_id_fkey",
        "sent_to -> town",
        "mark -> desk_id",
        "model -> colour",
        "price -> colour",
        "colour -> unit",
    }
    assert not [rule.rule for rule in report.invariants if rule.broken > rule.allowed]


def test_a_count_of_children_waits_for_them(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, COUNTED)
    books = Learning(units=(TableName("public", "books"),))
    report = filled(learned(url, books, tmp_path), database, tmp_path)
    broken = {rule.rule: rule.broken for rule in report.invariants}
    assert broken["pages = count(pages) per pages_book_id_fkey"] == 0


COUNTED = """
CREATE TABLE books (id int PRIMARY KEY, pages int NOT NULL);
CREATE TABLE pages (id int PRIMARY KEY, book_id int NOT NULL REFERENCES books);
INSERT INTO books SELECT n, n % 7 FROM generate_series(1, 600) AS n;
INSERT INTO pages SELECT n * 10 + p, n FROM generate_series(1, 600) AS n,
    generate_series(1, n % 7) AS p;
"""


def test_rules_of_one_table_hold_all_at_once_and_its_children_end_with_what_it_says(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, GOODS)
    model = learned(url, Learning(units=(TableName("public", "goods"),)), tmp_path)
    report = filled(model, database, tmp_path)
    assert "price = latest(prices.price by prices.since) per prices_good_id_fkey" in of(
        model, "goods"
    )
    prices = TableName("public", "prices")
    below = [s.target for s in oriented(model).of(prices) if s.found.rule.kind == "aggregate"]
    assert below == [(prices, "price")]
    assert len(report.invariants) > 25
    # What no step keeps follows from what is drawn together, but for one row in hundreds.
    loose = {found.words for found, _ in oriented(model).unkept}
    few = {rule.rule: 3 * (rule.rule in loose) for rule in report.invariants}
    assert not [r.rule for r in report.invariants if r.broken > r.allowed + few[r.rule]]
    [(sized, lined)] = query(database, "SELECT count(size), count(line) FROM goods")
    [(really, named)] = query(url, "SELECT count(size), count(line) FROM goods")
    assert abs(sized - really) < 60  # of 600; three deviations of a share of a half are 37
    assert abs(lined - named) < 60


GOODS = """
CREATE TABLE goods (
    id int PRIMARY KEY, model int, line text, class text, style text, size text, unit text,
    stock int NOT NULL, days int NOT NULL, made boolean NOT NULL, price numeric(9,2) NOT NULL
);
CREATE TABLE prices (
    id int PRIMARY KEY, good_id int NOT NULL REFERENCES goods, since date NOT NULL,
    price numeric(9,2) NOT NULL
);
INSERT INTO goods SELECT n, CASE WHEN k > 0 THEN 100 * k + m END,
    CASE k WHEN 1 THEN 'S' WHEN 2 THEN 'R' WHEN 3 THEN 'M' END,
    CASE WHEN k > 1 THEN (ARRAY['H', 'L', 'M'])[1 + m % 3] END,
    CASE WHEN k > 1 THEN (ARRAY['U', 'W'])[1 + m % 2] END,
    CASE WHEN k > 1 THEN 'Z' || (10 * k + abs(hashtext('z' || n)) % 8) END,
    CASE WHEN k = 3 THEN 'CM' END,
    (ARRAY[1000, 4, 500, 100])[k + 1], (ARRAY[0, 0, 1, 4])[k + 1], k > 1,
    CASE WHEN k > 0 THEN 10 + abs(hashtext('p' || k || m || n % 2)) % 90000 / 100.0 ELSE 0 END
FROM generate_series(1, 600) AS n, LATERAL (SELECT abs(hashtext('k' || n)) % 10 AS r) AS a,
    LATERAL (SELECT CASE WHEN r < 4 THEN 0 WHEN r < 5 THEN 1 WHEN r < 8 THEN 2 ELSE 3 END AS k,
        abs(hashtext('m' || n)) % 24 AS m) AS b;
INSERT INTO prices SELECT 10 * g.id + s, g.id,
    date '2020-01-01' + 365 * s + abs(hashtext('d' || g.id)) % 300,
    CASE WHEN s = 1 + g.id % 3 THEN g.price ELSE round(g.price * (0.7 + s / 20.0), 2) END
FROM goods AS g, generate_series(1, 1 + g.id % 3) AS s WHERE g.price > 0;
"""


def test_another_row_is_chosen_where_all_else_that_a_rule_speaks_of_is_firm(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, BILLED)
    model = learned(url, Learning(units=(TableName("public", "clients"),)), tmp_path)
    report = filled(model, database, tmp_path)
    kept = {rule.rule: rule.broken for rule in report.invariants}
    assert kept["client_id = bills_place_id_fkey.client_id"] == 0
    assert kept["card_id -> client_id"] == 0
    [(places,)] = query(database, "SELECT count(DISTINCT place_id) FROM bills")
    assert places > 500  # of 800: each is chosen as often as others of its client


BILLED = """
CREATE TABLE clients (id int PRIMARY KEY, since date NOT NULL);
CREATE TABLE places (id int PRIMARY KEY, client_id int NOT NULL REFERENCES clients);
CREATE TABLE cards (id int PRIMARY KEY, sort int NOT NULL);
CREATE TABLE bills (
    id int PRIMARY KEY, client_id int NOT NULL REFERENCES clients,
    place_id int NOT NULL REFERENCES places, card_id int NOT NULL REFERENCES cards,
    amount int NOT NULL
);
INSERT INTO clients SELECT n, date '2020-01-01' + n % 700 FROM generate_series(1, 400) AS n;
INSERT INTO places SELECT n, 1 + n % 400 FROM generate_series(1, 800) AS n;
INSERT INTO cards SELECT n, abs(hashtext('s' || n)) % 5 FROM generate_series(1, 1200) AS n;
INSERT INTO bills SELECT n, c, CASE WHEN h % 2 = 0 AND c > 1 THEN c - 1 ELSE 400 + c - 1 END,
    CASE WHEN h % 3 > 0 THEN c ELSE 400 + c END, abs(hashtext('a' || n)) % 900
FROM generate_series(1, 3000) AS n, LATERAL (SELECT 1 + abs(hashtext('c' || n)) % 400,
    abs(hashtext('h' || n))) AS x (c, h);
"""


def test_no_owner_has_two_rows_where_none_had(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, ALONE)
    report = filled(learned(url, Learning(), tmp_path), database, tmp_path)
    kept = {rule.rule: rule.broken for rule in report.invariants}
    assert kept["count(invoices) <= 1 per invoices_order_id_fkey"] == 0
    assert kept["unique (order_id)"] == 0
    [(rows,)] = query(database, "SELECT count(*) FROM invoices")
    assert rows == 700


ALONE = """
CREATE TABLE clients (id int PRIMARY KEY, since date NOT NULL);
CREATE TABLE orders (
    id int PRIMARY KEY, client_id int NOT NULL REFERENCES clients, ordered date NOT NULL,
    state text NOT NULL
);
CREATE TABLE invoices (
    id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders, amount int NOT NULL
);
INSERT INTO clients SELECT n, date '2020-01-01' + n % 600 FROM generate_series(1, 250) AS n;
INSERT INTO orders SELECT n, 1 + abs(hashtext('c' || n)) % 250, date '2022-01-01' + n % 600,
    CASE WHEN n % 10 IN (2, 5, 9) THEN 'new' ELSE 'sent' END FROM generate_series(1, 1000) AS n;
INSERT INTO invoices SELECT n, n + n * 3 / 7, abs(hashtext('a' || n)) % 900
FROM generate_series(1, 700) AS n;
"""


def test_what_two_keys_lead_to_is_looked_up_in_whatever_shard_it_is(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, OFFERED)
    model = learned(url, Learning(units=(TableName("public", "buyers"),)), tmp_path)
    report = filled(model, database, tmp_path)
    kept = {rule.rule: rule.broken for rule in report.invariants}
    assert kept["discount = sold_offer_id_item_fkey.offered_offer_id_fkey.share"] == 0
    assert kept["sold_buyer_id_fkey.buyers_clerk_id_fkey.hired <= sold_on"] == 0


OFFERED = """
CREATE TABLE offers (id int PRIMARY KEY, share numeric(3, 2) NOT NULL);
CREATE TABLE clerks (id int PRIMARY KEY, hired date NOT NULL);
CREATE TABLE offered (offer_id int REFERENCES offers, item int, PRIMARY KEY (offer_id, item));
CREATE TABLE buyers (id int PRIMARY KEY, clerk_id int NOT NULL REFERENCES clerks);
CREATE TABLE sold (
    id int PRIMARY KEY, buyer_id int NOT NULL REFERENCES buyers,
    offer_id int NOT NULL, item int NOT NULL, discount numeric(3, 2) NOT NULL,
    sold_on date NOT NULL, FOREIGN KEY (offer_id, item) REFERENCES offered
);
INSERT INTO offers SELECT n, n % 30 / 100.0 FROM generate_series(1, 60) AS n;
INSERT INTO clerks SELECT n, date '2020-01-01' + 9 * n FROM generate_series(1, 90) AS n;
INSERT INTO offered SELECT 1 + abs(hashtext('o' || n)) % 60, n FROM generate_series(1, 300) AS n;
INSERT INTO buyers SELECT n, 1 + abs(hashtext('c' || n)) % 90 FROM generate_series(1, 500) AS n;
INSERT INTO sold SELECT n, b.id, f.id, o.item, f.share, c.hired + abs(hashtext('d' || n)) % 600
FROM generate_series(1, 2500) AS n JOIN buyers AS b ON b.id = 1 + abs(hashtext('b' || n)) % 500
JOIN offered AS o ON o.item = 1 + abs(hashtext('s' || n)) % 300
JOIN offers AS f ON f.id = o.offer_id JOIN clerks AS c ON c.id = b.clerk_id;
"""


def test_one_of_two_keys_leads_somewhere_at_least(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, BUYERS)
    model = learned(url, Learning(units=(TableName("public", "buyers"),)), tmp_path)
    report = filled(model, database, tmp_path)
    kept = {rule.rule: rule.broken for rule in report.invariants}
    assert kept["person_id is not null or firm_id is not null"] == 0
    counted = "SELECT count(*) FROM buyers WHERE num_nulls(person_id, firm_id) = 0"
    [(both,)] = query(database, counted)
    assert 400 < both < 900  # of 660: only what would have neither is filled


BUYERS = """
CREATE TABLE persons (id int PRIMARY KEY, age int NOT NULL);
CREATE TABLE firms (id int PRIMARY KEY, size int NOT NULL);
CREATE TABLE buyers (
    id int PRIMARY KEY, person_id int REFERENCES persons, firm_id int REFERENCES firms
);
INSERT INTO persons SELECT n, 20 + n % 50 FROM generate_series(1, 600) AS n;
INSERT INTO firms SELECT n, n % 90 FROM generate_series(1, 300) AS n;
INSERT INTO buyers SELECT n, CASE WHEN h < 2 THEN 1 + abs(hashtext('p' || n)) % 600 END,
    CASE WHEN h > 0 THEN 1 + abs(hashtext('f' || n)) % 300 END
FROM generate_series(1, 2000) AS n, LATERAL (SELECT abs(hashtext('h' || n)) % 3) AS x (h);
"""


def test_rows_are_numbered_by_time_and_siblings_follow_each_other_as_they_did(
    few: tuple[str, Report],
) -> None:
    target, report = few
    apart = "SELECT taken - lag(taken) OVER (PARTITION BY member_id ORDER BY taken) FROM loans"
    found = [days for (days,) in query(target, apart) if days is not None]
    days = sum(found) / len(found)
    assert days > 30  # 100 in the source; in the order of their numbers, a day or two
    [course] = [r for r in report.invariants if r.rule == "taken >= previous taken by id"]
    assert course.broken == 0 < course.spoken
    wrong = "SELECT taken < lag(taken) OVER (ORDER BY id) FROM loans"
    assert not any(row for (row,) in query(target, wrong))


def test_whole_rows_are_in_the_order_of_a_column_that_rises_with_their_keys(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, RISEN)
    report = filled(learned(url, Learning(), tmp_path), database, tmp_path)
    broken = {rule.rule: rule.broken for rule in report.invariants}
    assert broken["joined >= previous joined by id"] == 0
    [(found,)] = query(database, "SELECT corr(extract(epoch FROM joined), points) FROM members")
    assert found < -0.8  # -.95 in the source; 0 if the column alone were sorted


RISEN = """
CREATE TABLE members (
    id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, joined timestamp NOT NULL, points int NOT NULL
);
INSERT INTO members (joined, points)
SELECT timestamp '2024-01-01' + n * interval '7 hours 13 seconds',
    12000 - 3 * n + abs(hashtext('p' || n)) % 3000
FROM generate_series(1, 3000) AS n;
"""


def test_rows_that_repeat_others_refer_to_no_row_that_none_referred_to(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, READINGS)
    public = Carrying(frozenset({TableName("public", "places")}))
    model = learned(url, Learning(carrying=public), tmp_path)
    assert "unique (place_id, day, hour)" in {f.words for f in model.invariants}
    filled(model, database, tmp_path)
    assert query(database, "SELECT count(DISTINCT place_id) FROM readings") == [(3,)]


READINGS = """
CREATE TABLE places (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE readings (
    id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, place_id int NOT NULL REFERENCES places,
    day date NOT NULL, hour int NOT NULL, heat int NOT NULL
);
INSERT INTO places SELECT n, 'Place ' || n FROM generate_series(1, 300) AS n;
INSERT INTO readings (place_id, day, hour, heat)
SELECT 7 * p, date '2024-01-01' + n / 24, n % 24, abs(hashtext(n || '-' || p)) % 30
FROM generate_series(0, 1999) AS n, generate_series(1, 3) AS p;
"""


def test_a_course_does_not_tear_times_of_a_row_apart(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, TRIPS)
    model = learned(url, Learning(), tmp_path)
    report = filled(model, database, tmp_path)
    reasons = {f.words: why for f, why in oriented(model, frozenset(model.tables)).unkept}
    assert (
        "stays close to planned" in reasons["ended >= previous ended by id per trips_bus_id_fkey"]
    )
    kept = {rule.rule: rule.broken for rule in report.invariants if rule.broken <= rule.allowed}
    assert "planned >= previous planned by id" in kept
    seconds = "SELECT avg(extract(epoch FROM ended - planned))::float FROM trips"
    [(found,)] = query(database, seconds)
    [(wanted,)] = query(url, seconds)
    assert abs(found - wanted) < 0.25 * wanted


TRIPS = """
CREATE TABLE buses (id int PRIMARY KEY, seats int NOT NULL);
CREATE TABLE trips (
    id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, bus_id int REFERENCES buses,
    planned timestamp NOT NULL, ended timestamp NOT NULL
);
INSERT INTO buses SELECT n, 20 + n % 30 FROM generate_series(1, 12) AS n;
INSERT INTO trips (bus_id, planned, ended)
SELECT CASE WHEN n % 300 > 0 THEN 1 + n % 12 END,
    timestamp '2024-01-01' + n * interval '57 minutes',
    timestamp '2024-01-01' + n * interval '57 minutes'
        + (20 + abs(hashtext('e' || n)) % 600) * interval '1 minute'
FROM generate_series(1, 4000) AS n;
"""


def test_rows_that_break_a_rule_are_counted_by_verify_or_it_says_why_not(
    model: DatabaseModel, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(model, database, tmp_path)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE lines SET amount = amount + 1 WHERE id % 10 = 0")
    with open_target(database) as target:
        report = verify(model, target)
    named = {f.place for f in report.findings if f.kind == "invariant"}
    assert "public.lines: amount = quantity * price" in named
    with monkeypatch.context() as patch, open_target(database) as target:
        patch.setattr(Arithmetic, "claim", lambda *_: Claim("SELECT 1 / 0 = 1 AS holds"))
        report = verify(model, target)
    told = {f.place: f.text for f in report.findings if f.kind == "invariant"}
    assert "refused a value" in told["public.lines: amount = quantity * price"]
    assert report.invariants


def test_a_person_drops_rules_and_adds_totals_and_conditions(
    source: str, database: str, tmp_path: Path
) -> None:
    lines, orders = TableName("public", "lines"), TableName("public", "orders")
    wishes = (
        Wish(lines, drop=("amount = quantity * price",), add=("quantity * price < 700",)),
        Wish(orders, add=("subtotal = sum(lines.amount)",)),
    )
    changed = learned(source, Learning(wishes=wishes), tmp_path)
    assert "amount = quantity * price" not in of(changed, "lines")
    assert any(found.rule.declared for found in changed.invariants)
    report = filled(changed, database, tmp_path)
    assert not [f for f in report.findings if f.severity is Severity.ERROR]
    with psycopg.connect(database) as connection:
        over = "SELECT count(*) FROM lines WHERE quantity * price >= 700"
        assert connection.execute(over).fetchone() == (0,)
        summed = (
            "SELECT count(*) FROM orders AS o JOIN (SELECT order_id, sum(amount) AS s FROM lines"
            " GROUP BY 1) AS l ON l.order_id = o.id WHERE o.subtotal <> l.s"
        )
        assert connection.execute(summed).fetchone() == (0,)


SEATS = """
CREATE TABLE seats (
    id int PRIMARY KEY, flight int NOT NULL, seat int NOT NULL, price int NOT NULL
);
INSERT INTO seats SELECT n, n % 150, n / 150, 50 + abs(hashtext('p' || n) % 400)
FROM generate_series(0, 1499) AS n;
"""


def test_verify_says_which_keys_each_shard_keeps_by_itself(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = new_database()
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(SEATS)
    seats = learned(source, Learning(), tmp_path)
    monkeypatch.setattr("provisioner.plan._SHARD_ROWS", 500)
    report = filled(seats, new_database(), tmp_path)
    [found] = (f for f in report.findings if f.place == "public.seats: unique (flight, seat)")
    assert found.severity is Severity.NOTE
    assert "several shards" in found.text


@pytest.mark.parametrize(
    "rule",
    [
        "total = min(lines.note)",
        "total = sum(lines.seen)",
        "since = count(lines.amount)",
        "note = max(lines.amount)",
        "total = count(lines.note)",
    ],
)
def test_a_total_that_no_column_can_hold_is_refused(rule: str) -> None:
    with pytest.raises(WrongRequest, match="expected"):
        asked(_ordered(), TableName("public", "orders"), rule)


def _ordered() -> Schema:
    kinds = {"total": Kind.DECIMAL, "since": Kind.DATE, "note": Kind.TEXT, "id": Kind.INTEGER}
    below = {"amount": Kind.DECIMAL, "note": Kind.TEXT, "seen": Kind.DATE, "order_id": Kind.INTEGER}
    orders, lines = (TableName("public", name) for name in ("orders", "lines"))
    key = ForeignKey("lines_fkey", lines, ("order_id",), orders, ("id",))
    return Schema(
        (
            Table(orders, _columns(kinds)),
            Table(lines, _columns(below), foreign_keys=(key,)),
        )
    )


def _columns(kinds: dict[str, Kind]) -> tuple[Column, ...]:
    return tuple(
        Column(name, DataType(kind, kind), nullable=name == "note") for name, kind in kinds.items()
    )


def test_a_rule_without_effect_is_no_part_of_the_model(source: str, tmp_path: Path) -> None:
    without = learned(source, replace(Learning(), invariants=False), tmp_path)
    assert without.invariants == ()
