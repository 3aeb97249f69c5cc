"""The demo's airline keeps its own constraints, repeats itself and looks like production."""

import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest
from psycopg import sql
from psycopg.abc import QueryNoTemplate

from connectors.errors import RefusedStatement
from provisioner.airline import published
from provisioner.airline.build import build_airline
from provisioner.airline.payments import card_numbers
from provisioner.errors import WrongRequest

PASSENGERS, FLIGHTS = 500, 5_000
INVENTED = (
    "passengers",
    "loyalty_accounts",
    "bookings",
    "booking_seats",
    "payments",
    "staff",
    "feedback",
)

Row = tuple[object, ...]
Answers = Callable[[QueryNoTemplate], list[Row]]


@pytest.fixture(scope="module")
def airline(server_url: str) -> Iterator[str]:
    """One small airline for all tests that only read it."""
    name = sql.Identifier(f"test_airline_{os.getpid()}")
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(name)
        )
        url = urlsplit(server_url)._replace(path=f"/test_airline_{os.getpid()}").geturl()
        try:
            build_airline(url, passengers=PASSENGERS, flights=FLIGHTS)
            yield url
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def answers(airline: str) -> Iterator[Answers]:
    """Asks the airline; what a test writes is rolled back."""
    with psycopg.connect(airline, options="-c search_path=airline") as connection:
        yield lambda query: connection.execute(query).fetchall()
        connection.rollback()


def checksums(url: str) -> dict[str, Row | None]:
    query = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM airline.{} t"
    with psycopg.connect(url) as connection:
        return {t: connection.execute(query.format(t).encode()).fetchone() for t in INVENTED}


def luhn_sum(card: str) -> int:
    """The sum of ISO/IEC 7812-1, digit by digit as a person would do it."""
    doubled = (2 * int(d) if i % 2 else int(d) for i, d in enumerate(reversed(card)))
    return sum(d - 9 if d > 9 else d for d in doubled)


def test_every_table_has_rows_and_every_constraint_is_validated(answers: Answers) -> None:
    [(tables, unvalidated)] = answers("""
        SELECT (SELECT count(*) FROM pg_class WHERE relkind = 'r'
                AND relnamespace = 'airline'::regnamespace AND reltuples > 0),
               (SELECT count(*) FROM pg_constraint WHERE NOT convalidated)""")
    assert (tables, unvalidated) == (12, 0)
    assert answers("SELECT count(*) FROM flights") == [(FLIGHTS,)]
    assert answers("SELECT count(*) FROM passengers") == [(PASSENGERS,)]


def test_it_declares_every_kind_of_constraint(answers: Answers) -> None:
    [(primary, foreign, unique, checks)] = answers("""
        SELECT count(*) FILTER (WHERE contype = 'p'), count(*) FILTER (WHERE contype = 'f'),
               count(*) FILTER (WHERE contype = 'u'), count(*) FILTER (WHERE contype = 'c')
        FROM pg_constraint WHERE connamespace = 'airline'::regnamespace""")
    assert (primary, foreign, unique) == (12, 15, 9)
    assert int(str(checks)) >= 25


def test_the_same_request_makes_the_same_rows(new_database: Callable[[], str]) -> None:
    first, second, larger = new_database(), new_database(), new_database()
    build_airline(first, passengers=100, flights=1_000)
    build_airline(second, passengers=100, flights=1_000)
    build_airline(larger, passengers=101, flights=1_000)
    assert checksums(first) == checksums(second)
    assert checksums(first) != checksums(larger)


def test_new_rows_get_keys_after_the_built_ones(answers: Answers) -> None:
    [(key,)] = answers("""
        INSERT INTO staff (first_name, last_name, email, phone, date_of_birth, job_title,
                           base_airport, hired_on, salary)
        VALUES ('A', 'B', 'a.b@new-hire.net', '+1 212 600 0000', '1980-01-01', 'Agent',
                'JFK', '2014-01-01', 1) RETURNING staff_id""")
    assert key == 41


def test_money_adds_up(answers: Answers) -> None:
    assert answers("""
        SELECT count(*) FROM bookings b
        WHERE total_price <> (SELECT sum(fare) FROM booking_seats s
                              WHERE s.booking_id = b.booking_id)
           OR total_price <> (SELECT coalesce(sum(amount), 0) FROM payments p
                              WHERE p.booking_id = b.booking_id)""") == [(0,)]


def test_time_runs_forward_across_tables(answers: Answers) -> None:
    assert answers("""
        SELECT count(*) FROM bookings
        JOIN passengers USING (passenger_id) JOIN booking_seats USING (booking_id)
        JOIN flights USING (flight_id) LEFT JOIN payments USING (booking_id)
        WHERE created_at >= booked_at OR booked_at >= scheduled_departure
           OR paid_at < booked_at""") == [(0,)]


def test_emails_and_passports_are_distinct_and_in_no_reserved_space(answers: Answers) -> None:
    [(emails, passports)] = answers("""
        SELECT count(DISTINCT email), count(DISTINCT passport_number) - count(passport_number)
        FROM passengers""")
    assert (emails, passports) == (PASSENGERS, 0)
    assert answers(r"""
        SELECT count(*) FROM (SELECT email, passport_number FROM passengers
                              UNION ALL SELECT email, NULL FROM staff) AS who
        WHERE email ~ '@(.*\.)?example\.|\.(test|example|invalid)$'
           OR passport_number LIKE 'XX%'""") == [(0,)]


def test_no_phone_lies_in_a_range_for_fiction(answers: Answers) -> None:
    assert answers("""
        SELECT count(*) FROM (SELECT phone FROM passengers UNION ALL SELECT phone FROM staff) AS who
        WHERE phone ~ '^[+]1 [0-9]{3} 555 |^[+]44 7700'""") == [(0,)]


def test_cards_are_valid_and_no_test_cards(answers: Answers) -> None:
    cards = [str(card) for (card,) in answers("SELECT DISTINCT card_number FROM payments")]
    cards = [card for card in cards if card != "None"]
    assert len(cards) > 100
    assert all(luhn_sum(card) % 10 == 0 for card in cards)
    assert not any(card.startswith(("4242", "4000", "4111", "5555", "3782")) for card in cards)


def test_check_digits_hold_for_cards_of_both_lengths() -> None:
    cards = card_numbers(np.random.Generator(np.random.Philox(7)), 2_000).to_pylist()
    assert {len(card) for card in cards} == {15, 16}
    assert all(luhn_sum(card) % 10 == 0 for card in cards)


def test_a_postcode_lies_in_one_city(answers: Answers) -> None:
    assert answers("""
        SELECT count(*) FROM (SELECT FROM passengers GROUP BY country, postcode
                              HAVING count(DISTINCT city) > 1) AS torn""") == [(0,)]


def test_a_few_passengers_make_a_large_share_of_the_bookings(answers: Answers) -> None:
    [(share,)] = answers("""
        SELECT sum(n) FILTER (WHERE place <= 50) / sum(n) FROM (
            SELECT bookings AS n, row_number() OVER (ORDER BY bookings DESC) AS place
            FROM passenger_activity) AS ranked""")
    assert 0.3 < float(str(share)) < 0.8


def test_prices_follow_distance_and_cabin(answers: Answers) -> None:
    [(by_distance, dearer)] = answers("""
        SELECT corr(fare::float, distance_miles) FILTER (WHERE cabin = 'economy' AND fare > 0),
               avg(fare) FILTER (WHERE cabin = 'business') > avg(fare)
                   FILTER (WHERE cabin = 'economy')
        FROM booking_seats JOIN flights USING (flight_id)""")
    assert float(str(by_distance)) > 0.6
    assert dearer is True


def test_all_published_flights_are_there_and_none_runs_backwards() -> None:
    flights = published.flights()
    assert len(flights) == 336_776
    for left, arrived in (
        ("scheduled_departure", "scheduled_arrival"),
        ("departed_at", "arrived_at"),
    ):
        pair = flights.select([left, arrived]).drop_null()
        minutes = (pair[arrived].to_numpy() - pair[left].to_numpy()).astype(np.int64) // 60
        assert minutes.min() > 0
        assert minutes.max() <= 24 * 60


def test_a_second_build_is_refused_and_changes_nothing(airline: str) -> None:
    before = checksums(airline)
    with pytest.raises(RefusedStatement):
        build_airline(airline, passengers=10, flights=100)
    assert checksums(airline) == before


@pytest.mark.parametrize(("passengers", "flights"), [(0, 10), (10, 0)])
def test_an_empty_airline_is_refused(passengers: int, flights: int) -> None:
    with pytest.raises(WrongRequest):
        build_airline("postgresql://nobody@nowhere/none", passengers, flights)
