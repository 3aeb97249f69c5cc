"""Rules that get into each other's way are kept all the same, or told as not kept."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from generators.invariants import Part
from generators.orientation import oriented
from provisioner import plan
from provisioner.contents import contents
from provisioner.learning import Learning
from provisioner.plan import whole_as_learned

TRANSLATED = """
CREATE TABLE culture (id int PRIMARY KEY, name text);
CREATE TABLE model (id int PRIMARY KEY, name text);
CREATE TABLE shop (id int PRIMARY KEY, name text);
INSERT INTO culture SELECT n, 'C' || n FROM generate_series(1, 6) AS n;
INSERT INTO model SELECT n, 'M' || n FROM generate_series(1, 120) AS n;
INSERT INTO shop SELECT n, 'S' || n FROM generate_series(1, 200) AS n;
CREATE TABLE text (
    id int PRIMARY KEY, model int NOT NULL REFERENCES model, culture int NOT NULL REFERENCES culture
);
INSERT INTO text SELECT row_number() OVER (), m, c
FROM generate_series(1, 120) AS m, generate_series(1, 6) AS c
WHERE hashtext(m || ' ' || c) % 9 <> 0;
CREATE TABLE stock (
    id int PRIMARY KEY, model int NOT NULL REFERENCES model, shop int NOT NULL REFERENCES shop
);
INSERT INTO stock SELECT row_number() OVER (), m, s
FROM generate_series(1, 120) AS m, generate_series(1, 200) AS s
WHERE hashtext(m || ' ' || s) % 9 = 0;
"""


def test_pairs_nearly_all_of_which_have_a_row_are_told_as_not_kept(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, TRANSLATED)
    model = learned(url, Learning(), tmp_path)
    rules = {f.words for f in model.invariants if f.rule.kind == "unique"}
    assert rules >= {"unique (model, culture)", "unique (shop, model)"}
    reasons = {f.words: why for f, why in oriented(model).unkept}
    assert "nearly all rows" in reasons["unique (model, culture)"]
    assert "unique (shop, model)" not in reasons


LEAGUE = """
CREATE TABLE season (id int PRIMARY KEY, year int NOT NULL, hits int, division text, wild text);
INSERT INTO season SELECT y * 100 + t, y,
    CASE WHEN y >= 1950 OR (y >= 1900 AND hashtext(y || 'h' || t) % 2 = 0) THEN t * 7 END,
    CASE WHEN y >= 1969 THEN (ARRAY['E', 'W'])[1 + t % 2] END,
    CASE WHEN y >= 1995 THEN (ARRAY['Y', 'N'])[1 + abs(hashtext(y || 'w' || t)) % 2] END
FROM generate_series(1880, 2020) AS y, generate_series(1, 20) AS t;
"""


def test_what_begins_at_a_point_is_nulled_by_no_other_rule(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, LEAGUE)
    model = learned(url, Learning(), tmp_path)
    report = filled(model, database, tmp_path)
    begun = [f.words for f in model.invariants if f.rule.kind == "onset"]
    assert set(begun) >= {"division is null iff year < '1969'", "wild is null iff year < '1995'"}
    unkept = {f.words for f, _ in oriented(model).unkept}
    assert not unkept & set(begun)
    assert not [r.rule for r in report.invariants if r.broken > r.allowed and r.rule not in unkept]
    steps = [s for of_table in oriented(model).steps.values() for s in of_table]
    masking = [s for s in steps if s.part is Part.MASKS]
    told = {s.target[1] for s in masking if s.found.words in begun}
    assert told >= {"division", "wild"}
    assert {s.found.rule.kind for s in masking if s.target[1] in told} == {"onset"}


COUNTED = """
CREATE TABLE game (id int PRIMARY KEY, year int NOT NULL, runs int NOT NULL, hits int, walks int);
INSERT INTO game SELECT y * 100 + t, y, abs(hashtext(y || 'r' || t)) % 90,
    CASE WHEN y > 1930 OR h < 2 THEN abs(hashtext(y || 'a' || t)) % 90 END,
    CASE WHEN y > 1960 OR ((h < 2 OR y > 1930) AND w = 0)
        THEN abs(hashtext(y || 'b' || t)) % 90 END
FROM generate_series(1880, 2020) AS y, generate_series(1, 60) AS t,
    LATERAL (SELECT abs(hashtext(y || 'h' || t)) % 3, abs(hashtext(y || 'w' || t)) % 2) AS x (h, w);
"""


def test_what_is_nulled_with_another_column_is_filled_from_a_point_behind_that_ones(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, COUNTED)
    model = learned(url, Learning(), tmp_path)
    report = filled(model, database, tmp_path)
    onsets = {f.words for f in model.invariants if f.rule.kind == "onset"}
    assert onsets >= {
        f"year > '{y}' -> {c} is not null" for y, c in ((1930, "hits"), (1960, "walks"))
    }
    assert "walks is not null -> hits is not null" in of(model, "game")
    assert not {f.words for f, _ in oriented(model).unkept} & {*of(model, "game")}
    assert not [r.rule for r in report.invariants if r.broken > r.allowed]


JOBS = """
CREATE TABLE job (id int PRIMARY KEY, asked date NOT NULL, done date, state text NOT NULL);
INSERT INTO job SELECT n, d, CASE WHEN NOT o THEN d + 1 + abs(hashtext('e' || n)) % 30 END,
    CASE WHEN o THEN 'open' ELSE 'ready' END
FROM generate_series(1, 3000) AS n,
    LATERAL (SELECT date '2018-01-10' + abs(hashtext('d' || n)) % 900) AS x (d),
    LATERAL (SELECT d >= '2020-06-05' AND hashtext('o' || n) % 3 > 0) AS y (o);
"""


def test_what_is_filled_up_to_a_point_gives_way_to_what_says_where_it_is_null(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, JOBS)
    model = learned(url, Learning(), tmp_path)
    report = filled(model, database, tmp_path)
    unkept = {f.words: why for f, why in oriented(model).unkept}
    told = "done is null iff state in ('open')"
    assert {told, "asked < '2020-06-01' -> done is not null"} <= set(of(model, "job"))
    assert unkept["asked < '2020-06-01' -> done is not null"] == f"done is null to keep {told}"
    assert not [r.rule for r in report.invariants if r.broken > r.allowed and r.rule not in unkept]


CROWDED = """
CREATE TABLE region (id int PRIMARY KEY, opened date NOT NULL);
INSERT INTO region SELECT n, date '1990-01-01' + abs(hashtext('o' || n)) % 12000
FROM generate_series(1, 8) AS n;
CREATE TABLE client (id int PRIMARY KEY, code text NOT NULL, region int NOT NULL REFERENCES region);
INSERT INTO client SELECT n, 'C' || lpad((n + 1000)::text, 4, '0'), 1 + abs(hashtext('r' || n)) % 8
FROM generate_series(1, 3000) AS n;
CREATE TABLE visit (id int PRIMARY KEY, client int NOT NULL REFERENCES client, day date NOT NULL);
INSERT INTO visit SELECT row_number() OVER (), c.id,
    greatest(r.opened, '2014-01-01') + abs(hashtext(c.id || 'd' || m)) % 3300
FROM client AS c JOIN region AS r ON r.id = c.region,
    generate_series(1, 1 + abs(hashtext('m' || c.id)) % 3) AS m;
"""


def test_what_differs_still_does_once_it_lies_where_it_must(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, CROWDED)
    model = learned(url, Learning(), tmp_path)
    report = filled(model, database, tmp_path)
    far = "visit_client_fkey.client_region_fkey.opened <= day"
    assert {"unique (client, day)", far} <= set(of(model, "visit"))
    assert "unique (code)" in of(model, "client")
    unkept = {f.words for f, _ in oriented(model, frozenset(model.tables)).unkept}
    assert not [r.rule for r in report.invariants if r.broken > r.allowed and r.rule not in unkept]
    assert not {f.words for f, _ in oriented(model).unkept} & {
        "unique (code)",
        "unique (client, day)",
    }
    vast = oriented(model, vast=frozenset(model.tables))  # each shard draws no share of so many
    scattered = {f.words: why for f, why in vast.unkept}
    assert scattered["unique (code)"] == "rows that repeat each other may lie in several shards"


CUPS = """
CREATE TABLE season (
    id int PRIMARY KEY, year int NOT NULL, rank int NOT NULL, cup text, title text
);
INSERT INTO season SELECT y * 100 + t, y, t, CASE WHEN y >= 1960 THEN c END,
    CASE WHEN y < 1950 OR t > 18 THEN NULL
        WHEN y >= 1960 AND c = 'Y' THEN 'N'
        ELSE (ARRAY['Y', 'N'])[1 + abs(hashtext(y || 't' || t)) % 2] END
FROM generate_series(1920, 2020) AS y, generate_series(1, 20) AS t,
    LATERAL (SELECT (ARRAY['Y', 'N', 'N'])[1 + abs(hashtext(y || 'c' || t)) % 3]) AS x (c)
WHERE t <= 18 OR y < 1960 OR c = 'N';
"""


def test_a_constant_is_put_where_no_other_rule_puts_null(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, CUPS)
    model = learned(url, Learning(), tmp_path)
    told = {"cup = 'Y' -> title = 'N'", "year < '1950' -> title is null"}
    assert told <= set(of(model, "season"))
    steps = [s for of_table in oriented(model).steps.values() for s in of_table]
    assert not told <= {s.found.words for s in steps if s.target[1] == "title"}


PACKED = """
CREATE TABLE region (id int PRIMARY KEY, opened date NOT NULL);
INSERT INTO region SELECT n, date '2014-01-01' + 100 * n FROM generate_series(1, 8) AS n;
CREATE TABLE client (id int PRIMARY KEY, region int NOT NULL REFERENCES region);
INSERT INTO client SELECT n, 1 + abs(hashtext('r' || n)) % 8 FROM generate_series(1, 300) AS n;
CREATE TABLE visit (id int PRIMARY KEY, client int NOT NULL REFERENCES client, day date NOT NULL);
INSERT INTO visit SELECT row_number() OVER (), c.id,
    r.opened + 3 * ((m + c.id) % 6) + abs(hashtext(c.id || 'd' || m)) % 3
FROM client AS c JOIN region AS r ON r.id = c.region,
    generate_series(1, 1 + abs(hashtext('m' || c.id)) % 6) AS m;
"""


def test_what_meets_at_a_bound_is_drawn_otherwise_each_time(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, PACKED)
    model = learned(url, Learning(), tmp_path)
    far = "visit_client_fkey.client_region_fkey.opened <= day"
    assert {"unique (client, day)", far} <= set(of(model, "visit"))
    unkept = {f.words for f, _ in oriented(model, frozenset(model.tables)).unkept}
    broken = list[tuple[str, int]]()
    for seed in (3, 4):
        report = filled(model, lasting_database(), tmp_path, seed=seed)
        broken += [(r.rule, seed) for r in report.invariants if r.broken > r.allowed]
    assert not [(rule, seed) for rule, seed in broken if rule not in unkept]


PRICED = """
CREATE TABLE goods (id int PRIMARY KEY, cost int NOT NULL, price int NOT NULL);
INSERT INTO goods SELECT n, c, CASE WHEN c > 0 THEN 20 + 5 * (c / 2) ELSE 0 END
FROM generate_series(1, 900) AS n,
    LATERAL (SELECT (n % 3 > 0)::int * (10 + abs(hashtext('c' || n)) % 12)) AS x (c);
CREATE TABLE costs (id int PRIMARY KEY, good int NOT NULL REFERENCES goods, since date NOT NULL,
    cost int NOT NULL);
INSERT INTO costs SELECT 10 * g.id + s, g.id,
    date '2020-01-01' + 200 * s + abs(hashtext('s' || g.id)) % 90,
    CASE WHEN s = 3 THEN g.cost ELSE 5 + abs(hashtext(g.id || 'c' || s)) % 20 END
FROM goods AS g, generate_series(1, 3) AS s WHERE g.cost > 0;
CREATE TABLE prices (id int PRIMARY KEY, good int NOT NULL REFERENCES goods, since date NOT NULL,
    price int NOT NULL);
INSERT INTO prices SELECT c.id, c.good, c.since,
    CASE WHEN c.id % 10 = 3 THEN g.price ELSE 20 + abs(hashtext(g.id || 'p' || c.id)) % 90 END
FROM goods AS g JOIN costs AS c ON c.good = g.id;
"""


def test_what_tells_a_value_that_rows_below_may_set_again_is_told(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, PRICED)
    model = learned(url, Learning(units=(TableName("public", "goods"),)), tmp_path)
    said = "latest(prices.price by prices.since) per prices_good_fkey"
    assert {"cost -> price", f"price = {said}"} <= set(of(model, "goods"))
    unkept = {f.words: why for f, why in oriented(model, frozenset(model.tables)).unkept}
    assert unkept["cost -> price"] == "price may be set again once rows below are drawn"
    assert f"price = {said}" not in unkept


VOTES = """
CREATE TABLE voter (id int PRIMARY KEY, joined date NOT NULL);
INSERT INTO voter SELECT n, date '2000-01-01' + abs(hashtext('j' || n)) % 4000
FROM generate_series(1, 300) AS n;
CREATE TABLE vote (id int PRIMARY KEY, voter int NOT NULL REFERENCES voter, year int NOT NULL,
    league text NOT NULL, most int NOT NULL);
INSERT INTO vote SELECT n, 1 + abs(hashtext('v' || n)) % 300, y, l, abs(hashtext(y || l)) % 60
FROM generate_series(1, 500) AS n,
    LATERAL (SELECT 1940 + abs(hashtext('y' || n)) % 60,
        (ARRAY['AL', 'NL'])[1 + abs(hashtext('l' || n)) % 2]) AS x (y, l);
"""


def test_what_too_few_share_is_told_where_several_shards_draw_it(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, VOTES)
    model = learned(url, Learning(), tmp_path)
    rule = "year, league -> most"
    [found] = [f for f in model.invariants if f.words == rule]
    assert not len(found.known["held"])
    scattered = {f.words: why for f, why in oriented(model).unkept}
    assert scattered[rule] == "rows that repeat each other may lie in several shards"
    assert rule not in {f.words for f, _ in oriented(model, frozenset(model.tables)).unkept}
    told = {r.rule: r.kept_by for r in contents(model, "").invariants}
    assert told[rule] == "most"  # as many votes as were learned lie in one shard


BALLOTS = """
CREATE TABLE player (id int PRIMARY KEY, debut date NOT NULL);
INSERT INTO player SELECT n, date '1950-01-01' + abs(hashtext('d' || n)) % 9000
FROM generate_series(1, 700) AS n;
CREATE TABLE ballot (id int PRIMARY KEY, player int NOT NULL REFERENCES player,
    jury text NOT NULL, outcome text NOT NULL);
INSERT INTO ballot SELECT row_number() OVER (), p.id, 'J' || lpad(j::text, 2, '0'),
    CASE WHEN j = 7 AND p.id % 3 > 0 THEN 'by acclaim'
        ELSE (ARRAY['yes', 'no', 'late'])[1 + abs(hashtext(p.id || 'o' || j)) % 3] END
FROM player AS p, generate_series(1, 12) AS j WHERE abs(hashtext(p.id || 'j' || j)) % 3 > 0;
"""


def test_a_constant_that_rows_would_repeat_is_told(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, BALLOTS)
    model = learned(url, Learning(), tmp_path)
    assert {"unique (player, jury)", "outcome = 'by acclaim' -> jury = 'J07'"} <= set(
        of(model, "ballot")
    )
    unkept = {f.words: why for f, why in oriented(model, frozenset(model.tables)).unkept}
    why = "jury is moved where rows would repeat each other"
    assert unkept["outcome = 'by acclaim' -> jury = 'J07'"] == why


READINGS = """
CREATE TABLE station (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO station SELECT n, 'S' || n FROM generate_series(1, 12) AS n;
CREATE TABLE reading (
    station int NOT NULL REFERENCES station, at timestamp NOT NULL, month int NOT NULL,
    day int NOT NULL, hour int NOT NULL, heat int NOT NULL, PRIMARY KEY (station, at)
);
INSERT INTO reading SELECT s, t, extract(month FROM t), extract(day FROM t), extract(hour FROM t),
    abs(hashtext(s || 'h' || t)) % 40
FROM generate_series(1, 3) AS s, generate_series(0, 2919) AS n, LATERAL (VALUES
    (timestamp '2013-01-01' + n * interval '3 hours')) AS v (t)
WHERE hashtext(s || ' ' || t) % 200 <> 0;
"""


def test_what_is_computed_of_a_key_differs_as_the_key_does_though_nearly_all_are_there(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    """Each station lacks one reading of 200: more than a year of them would have days again."""
    url = lasting_database()
    query(url, READINGS)
    model = learned(url, Learning(), tmp_path)
    report = filled(model, database, tmp_path)
    assert {"month = extract(month from at)", "unique (station, day, month, hour)"} <= {
        *of(model, "reading")
    }
    assert not [r.rule for r in report.invariants if r.broken > r.allowed]
    assert "station" not in oriented(model).targets(TableName("public", "reading"))


PLANES = """
CREATE TABLE plane (tail text PRIMARY KEY, seats int NOT NULL);
INSERT INTO plane SELECT 'N' || 10000 + n, abs(hashtext('s' || n)) % 300
FROM generate_series(1, 500) AS n;
CREATE TABLE flight (id int PRIMARY KEY, tail text NOT NULL);
INSERT INTO flight SELECT n, CASE WHEN n % 10 = 0 THEN 'X' ELSE 'N' END
    || 10000 + 1 + abs(hashtext('p' || n)) % 500
FROM generate_series(1, 5000) AS n;
"""


def test_no_more_rows_lead_nowhere_than_in_the_source_though_keys_are_held_out(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, PLANES)
    model = learned(url, Learning(), tmp_path)
    filled(model, database, tmp_path)
    assert "tail in (public.plane.tail)" in of(model, "flight")
    nowhere = "SELECT count(*) FROM flight WHERE tail NOT IN (SELECT tail FROM plane)"
    [(strays,)] = query(database, nowhere)
    assert strays <= 500


ROUTES = """
CREATE TABLE airport (code text PRIMARY KEY, lat int NOT NULL);
INSERT INTO airport SELECT string_agg(chr(65 + abs(hashtext(n || 'c' || i)) % 26), ''),
    min(abs(hashtext('l' || n))) % 90
FROM generate_series(1, 400) AS n, generate_series(1, 4) AS i GROUP BY n
ON CONFLICT DO NOTHING;
CREATE TABLE flight (id int PRIMARY KEY, dest text NOT NULL);
INSERT INTO flight SELECT n, a.code FROM generate_series(1, 6000) AS n
JOIN (SELECT code, row_number() OVER (ORDER BY code) AS r FROM airport) AS a
    ON a.r = 1 + abs(hashtext('d' || n)) % 120;
"""


def test_values_that_are_released_are_keys_where_they_are_said_to_lead(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, ROUTES)
    model = learned(url, Learning(), tmp_path)
    filled(model, database, tmp_path)
    assert "dest in (public.airport.code)" in of(model, "flight")
    flown = {code for (code,) in query(url, "SELECT DISTINCT dest FROM flight")}
    drawn = {code for (code,) in query(database, "SELECT DISTINCT dest FROM flight")}
    codes = {code for (code,) in query(database, "SELECT code FROM airport")}
    assert drawn == flown
    assert drawn <= codes
    others = {code for (code,) in query(url, "SELECT code FROM airport")} - flown
    assert len(codes & others) < len(others) / 2


CUSTOMERS = """
CREATE TABLE store (id int PRIMARY KEY, size int NOT NULL);
CREATE TABLE person (id int PRIMARY KEY, age int NOT NULL);
CREATE TABLE customer (
    id int PRIMARY KEY, store int REFERENCES store, person int REFERENCES person, kind text NOT NULL
);
INSERT INTO store SELECT n, n % 9 FROM generate_series(1, 541) AS n;
INSERT INTO person SELECT n, n % 71 FROM generate_series(1, 1800) AS n;
INSERT INTO customer SELECT n, CASE WHEN n <= 740 THEN 1 + (n - 1) % 541 END,
    CASE WHEN n > 541 THEN 1 + n * 7 % 1800 END, CASE WHEN n <= 740 THEN 'store' ELSE 'person' END
FROM generate_series(1, 1941) AS n;
"""


@pytest.mark.parametrize("rows", [100_000, 500], ids=["in one shard", "in several"])
def test_each_row_is_led_to_though_most_lead_nowhere(
    rows: int,
    lasting_database: Callable[[], str],
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = lasting_database()
    query(url, CUSTOMERS)
    model = learned(url, Learning(), tmp_path)
    assert "count(customer) >= 1 per customer_store_fkey" in of(model, "store")
    monkeypatch.setattr(plan, "_SHARD_ROWS", rows)
    filled(model, database, tmp_path)
    [(stores, led)] = query(
        database, "SELECT count(*), (SELECT count(store) FROM customer) FROM store"
    )
    assert (stores, led < 1000) == (541, True)
    assert query(database, "SELECT count(DISTINCT store) FROM customer") == [(stores,)]


PRICES = """
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE price (
    item int NOT NULL REFERENCES item, begun date NOT NULL, ended date, changed date NOT NULL,
    amount numeric(8, 2) NOT NULL, PRIMARY KEY (item, begun)
);
INSERT INTO item SELECT n, 'I' || n FROM generate_series(1, 300) AS n;
INSERT INTO price
SELECT n, begun, CASE WHEN begun < '2013-01-01' THEN begun + 364 END,
    CASE WHEN begun < '2013-01-01' THEN begun + 364 ELSE '2013-06-16' END,
    5 + abs(hashtext(n || 'a' || begun)) % 900
FROM generate_series(1, 300) AS n,
    unnest(ARRAY[date '2011-05-31', '2012-05-30', '2013-05-30']) AS begun
WHERE abs(hashtext(n || 'p' || begun)) % 3 > 0;
"""


def test_where_a_computed_date_is_null_follows_what_determines_it(
    lasting_database: Callable[[], str], new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, PRICES)
    model = learned(url, Learning(), tmp_path)
    wanted = {"begun -> ended", "begun -> changed", "ended = begun + interval '364 days'"}
    assert set(of(model, "price")) >= wanted
    unkept = oriented(model, whole_as_learned(model)).unkept
    assert not wanted & {found.words for found, _ in unkept}
    for seed in range(3):
        report = filled(model, new_database(), tmp_path, seed=seed)
        broken = {rule.rule: rule.broken for rule in report.invariants}
        assert {rule: broken[rule] for rule in wanted} == dict.fromkeys(wanted, 0)
