"""What determines what is found where chance does not make it, and kept alike everywhere."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.invariants import Term
from generators.invariants import Drawing
from generators.invariants.dependency import Dependency

SHOP = """
CREATE TABLE regions (id int PRIMARY KEY, chief text NOT NULL, zone text NOT NULL);
INSERT INTO regions SELECT n, 'M' || n % 4, 'Z' || n % 4 FROM generate_series(1, 8) AS n;
CREATE TABLE orders (
    id int PRIMARY KEY, region int NOT NULL REFERENCES regions, postcode text NOT NULL,
    city text NOT NULL, state text, day date NOT NULL, year int NOT NULL, origin text NOT NULL,
    goal text NOT NULL, kilometres int, tier text NOT NULL, rebate numeric(4,1) NOT NULL,
    title text NOT NULL, email text NOT NULL, ticket text NOT NULL, desk int NOT NULL,
    currency text NOT NULL, net int NOT NULL, gross numeric(9,2) NOT NULL
);
INSERT INTO orders
SELECT n, 1 + n % 8, 'P' || p, 'Town ' || p % 40, CASE WHEN p % 40 < 30 THEN 'S' || p % 40 % 9 END,
    d, extract(year FROM d), 'O' || o, 'G' || g, 50 + abs(hashtext(o || '-' || g)) % 7,
    (ARRAY['basic', 'plus', 'pro'])[t], (ARRAY[0, 2.5, 5])[t],
    CASE WHEN hashtext('x' || n) % 40 = 0 THEN 'Trainee' ELSE 'T' || p END,
    'someone' || n || '@example.org', 'K' || abs(hashtext('k' || n)) % 4000000,
    abs(hashtext('w' || n)) % 9, 'EUR', m, m * 1.19
FROM generate_series(1, 4000) AS n,
    LATERAL (SELECT abs(hashtext('p' || n)) % 120 AS p, abs(hashtext('o' || n)) % 5 AS o,
        abs(hashtext('g' || n)) % 12 AS g, 1 + abs(hashtext('t' || n)) % 3 AS t,
        date '2019-01-01' + abs(hashtext('d' || n)) % 1400 AS d,
        abs(hashtext('m' || n)) % 1500 AS m) AS x;
"""


def test_what_determines_another_column_is_found_and_nothing_else(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(SHOP)
    assert place.found("dependency", "orders").keys() == {
        "postcode -> city",
        "city -> state",
        "day -> year",
        "origin, goal -> kilometres",
        "tier -> rebate",
        "rebate -> tier",
    }
    assert not place.found("dependency", "regions")


def test_few_groups_of_many_rows_tell_what_they_determine(
    laboratory: Callable[[str], Any],
) -> None:
    assert "origin, goal -> kilometres" in laboratory(FLIGHTS).found("dependency", "flights")


FLIGHTS = """
CREATE TABLE flights (
    id int PRIMARY KEY, origin text NOT NULL, goal text NOT NULL, kilometres int NOT NULL
);
INSERT INTO flights
SELECT n, 'O' || o, 'G' || g, 100 + abs(hashtext(o || '-' || g)) % 900 + (n % 4000 = 0)::int
FROM generate_series(1, 250000) AS n,
    LATERAL (SELECT abs(hashtext('o' || n)) % 3 AS o, abs(hashtext('g' || n)) % 60 AS g) AS x;
"""


def test_a_column_that_others_determine_is_drawn_from_them(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(SHOP)
    for rule in place.found("dependency", "orders").values():
        values = place.remade(rule, rule.terms[-1].column)
        place.store("orders", rule.terms[-1].column, values)
        assert place.tally(rule).broken == 0, rule
        place.store("orders", rule.terms[-1].column, _stored(place, rule))


def test_pairs_that_enough_units_share_are_drawn_as_they_were(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(SHOP)
    found = place.found("dependency", "orders")
    for words in ("postcode -> city", "origin, goal -> kilometres", "rebate -> tier"):
        assert place.remade(found[words], found[words].terms[-1].column).equals(
            _stored(place, found[words])
        )


def test_a_year_follows_its_date_where_too_few_share_the_day(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(SHOP)
    rule = place.found("dependency", "orders")["day -> year"]
    remade, known = (np.array(v) for v in (place.remade(rule, "year"), _stored(place, rule)))
    assert (remade == known).mean() > 0.95


def test_values_never_seen_before_lead_to_the_same_in_every_shard(
    laboratory: Callable[[str], Any],
) -> None:
    place, rule, state, fresh = _unseen(laboratory)
    pool = place.view("orders").values(Term("city"))[:500]
    drawn = []
    for rows in (slice(0, 1000), slice(1000, 2000)):
        view = place.with_values("orders", "postcode", fresh).view("orders")
        rng = np.random.default_rng(rows.start)
        drawing = Drawing(view, "city", rng, 5, lambda *_: pool, lambda _: pool, lambda *_: pool)
        drawn.append(Dependency.realise(rule, state, drawing)[rows])
    assert drawn[0].equals(drawn[1])
    assert len(drawn[0].unique()) > 20


def test_values_never_seen_before_lead_where_the_first_of_them_was_drawn_to_lead(
    laboratory: Callable[[str], Any],
) -> None:
    place, rule, state, fresh = _unseen(laboratory)
    view = place.with_values("orders", "postcode", fresh).view("orders")
    drawn = view.values(Term("city"))
    rng, pool = np.random.default_rng(0), drawn[:500]
    drawing = Drawing(
        view, "city", rng, 5, lambda *_: pool, lambda _: pool, lambda *_: pool, whole=True
    )
    made = Dependency.realise(rule, state, drawing)
    assert made.equals(pa.concat_arrays([drawn[:1000]] * 4))


HOPS = """
CREATE TABLE port (code text PRIMARY KEY);
INSERT INTO port SELECT 'O' || n FROM generate_series(0, 2) AS n;
CREATE TABLE hop (
    id int PRIMARY KEY, origin text NOT NULL REFERENCES port, goal text NOT NULL,
    kilometres int NOT NULL
);
INSERT INTO hop SELECT n, 'O' || o, 'G' || g, g * 100 + abs(hashtext(o || '-' || g)) % 90
FROM generate_series(1, 20000) AS n,
    LATERAL (SELECT abs(hashtext('o' || n)) % 3 AS o, abs(hashtext('g' || n)) % 20 AS g) AS x;
"""


def test_what_invented_keys_determine_is_as_of_others_that_are_alike_in_all_else(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(HOPS)
    rule = place.found("dependency", "hop")["origin, goal -> kilometres"]
    view = place.view("hop")
    state = {n: released.value for n, released in Dependency.fit(rule, view).items()}
    codes = view.values(Term("origin")).dictionary_encode().indices.to_pylist()
    drawn = place.with_values("hop", "origin", pa.array([f"new {c}" for c in codes])).view("hop")
    pool, rng = view.values(Term("kilometres"))[:500], np.random.default_rng(0)
    drawing = Drawing(drawn, "kilometres", rng, 5, lambda *_: pool, lambda _: pool, lambda *_: pool)
    made = Dependency.realise(rule, state, drawing).to_pylist()
    goals = [int(goal[1:]) for goal in view.values(Term("goal")).to_pylist()]
    assert all(0 <= far - 100 * goal < 90 for far, goal in zip(made, goals, strict=True))
    assert len(set(zip(codes, goals, made, strict=True))) == 60


def invented(place: Any) -> tuple[Callable[..., pa.Array], pa.Array, pa.Array]:
    """What hops of invented origins are given for kilometres; their goals, and the true ones.

    `told` are the kilometres that are drawn jointly with both; without it nothing is.
    """
    rule = place.found("dependency", "hop")["origin, goal -> kilometres"]
    view = place.view("hop")
    state = {n: released.value for n, released in Dependency.fit(rule, view).items()}
    true, goals = (view.values(Term(column)) for column in ("kilometres", "goal"))
    names = pa.array([f"new {name}" for name in view.values(Term("origin")).to_pylist()])
    drawn, pool = place.with_values("hop", "origin", names).view("hop"), true[:500]

    def made(*told: pa.Array) -> pa.Array:
        drawing = Drawing(
            drawn,
            "kilometres",
            np.random.default_rng(0),
            5,
            lambda *_: pool,
            lambda _: pool,
            lambda *_: pool,
            jointly=lambda _: (names, goals, *told) if told else (),
        )
        return Dependency.realise(rule, state, drawing)

    return made, goals, true


def test_what_invented_keys_determine_is_what_is_most_often_drawn_with_them(
    laboratory: Callable[[str], Any],
) -> None:
    made, _, true = invented(laboratory(HOPS))
    is_other = np.random.default_rng(0).random(len(true)) < 0.4
    noise = pa.array(np.where(is_other, true.to_numpy()[::-1], true.to_numpy()))
    assert made(noise).equals(true)
    assert not made().equals(true)


def test_what_invented_keys_determine_is_as_of_the_learned_key_that_each_stands_for(
    laboratory: Callable[[str], Any],
) -> None:
    made, goals, true = invented(laboratory(HOPS))
    order = np.argsort(goals.to_numpy(zero_copy_only=False), kind="stable")
    chance = np.random.default_rng(0).random(len(true))
    mixed = np.empty(len(true), np.int64)  # one code of all that leads to a goal
    mixed[order] = true.to_numpy()[np.lexsort((chance, goals.to_pylist()))]
    known = np.array([goal[1:] < "3" for goal in goals.to_pylist()])
    assert made(pa.array(np.where(known, true.to_numpy(), mixed))).equals(true)


TAILS = """
CREATE TABLE carrier (code text PRIMARY KEY);
INSERT INTO carrier SELECT 'C' || n FROM generate_series(0, 9) AS n;
CREATE TABLE flight (
    id int PRIMARY KEY, tail text NOT NULL, carrier text NOT NULL REFERENCES carrier
);
INSERT INTO flight SELECT n, 'N' || n % 800, 'C' || n % 8 FROM generate_series(1, 16000) AS n;
"""


def test_of_what_is_drawn_alike_each_invented_key_has_as_many_as_it_has_rows(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(TAILS)
    rule = place.found("dependency", "flight")["tail -> carrier"]
    view = place.view("flight")
    state = {n: released.value for n, released in Dependency.fit(rule, view).items()}
    rng, tails = np.random.default_rng(0), view.values(Term("tail"))
    keys = pa.array(np.where(rng.random(len(tails)) < 0.65, "new 1", "new 2"))
    pool = keys[:500]
    drawing = Drawing(
        place.with_values("flight", "carrier", keys).view("flight"),
        "carrier",
        rng,
        5,
        lambda *_: pool,
        lambda _: pool,
        lambda *_: pool,
        jointly=lambda _: (tails[:8000], keys[:8000]),
    )
    made = np.array(Dependency.realise(rule, state, drawing).to_pylist())
    assert 0.58 < (made == "new 1").mean() < 0.74


def test_no_row_is_no_trouble(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(SHOP)
    empty = place.emptied("orders")
    for rule in place.found("dependency", "orders").values():
        assert not len(empty.remade(rule, rule.terms[-1].column))
    assert not list(Dependency.propose(empty.view("orders")))


def test_no_value_of_a_personal_column_is_kept(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(
        """CREATE TABLE visits (id int PRIMARY KEY, ward text NOT NULL, last_name text NOT NULL);
        INSERT INTO visits SELECT n, 'W' || n % 30, 'Name' || n % 30 % 12
        FROM generate_series(1, 3000) AS n"""
    )
    rule = place.found("dependency", "visits")["ward -> last_name"]
    state = Dependency.fit(rule, place.view("visits"))
    assert all(not len(released.value) for released in state.values())
    place.store("visits", "last_name", place.remade(rule, "last_name"))
    assert place.tally(rule).broken == 0


def _stored(place: Any, rule: Any) -> pa.Array:
    return place.view("orders").values(rule.terms[-1])


def _unseen(laboratory: Callable[[str], Any]) -> tuple[Any, Any, dict[str, Any], pa.Array]:
    """A shop, what its postcodes determine, what was learned of it, and other postcodes."""
    place = laboratory(SHOP)
    rule = place.found("dependency", "orders")["postcode -> city"]
    state = {n: r.value for n, r in Dependency.fit(rule, place.view("orders")).items()}
    return place, rule, state, pa.array([f"Q{n % 1000}" for n in range(4000)])


FLEET = """
CREATE TABLE planes (
    id int PRIMARY KEY, model text NOT NULL, sort text NOT NULL, hull text NOT NULL,
    engine text NOT NULL
);
INSERT INTO planes SELECT n, 'M' || n / 10, CASE WHEN n BETWEEN 30 AND 39 THEN 'rotor'
    ELSE 'wing' END, 'H' || n / 2, CASE WHEN n IN (500, 501) THEN 'piston' ELSE 'jet' END
FROM generate_series(0, 1099) AS n;
"""


def test_a_rare_value_that_is_all_of_its_group_tells_as_much_as_a_frequent_one(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(FLEET)
    found = place.found("dependency", "planes")
    assert "model -> sort" in found
    assert not found.keys() & {"hull -> engine", "model -> engine"}
    place.store("planes", "sort", place.remade(found["model -> sort"], "sort"))
    assert place.tally(found["model -> sort"]).broken == 0
