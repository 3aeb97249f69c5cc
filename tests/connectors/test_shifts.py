"""What is said of expressions whose times move is what the database finds."""

import psycopg
import pytest

from connectors.datatypes import DataType, Kind
from connectors.dialect.expressions import Scope
from connectors.dialect.shifts import same_order, same_truth, still_true
from connectors.schema import Column, Table, TableName

KINDS = {
    "day": DataType(Kind.DATE, "date"),
    "until": DataType(Kind.DATE, "date"),
    "at": DataType(Kind.TIMESTAMP, "timestamp without time zone"),
    "moment": DataType(Kind.TIMESTAMPTZ, "timestamp with time zone"),
    "during": DataType(Kind.OTHER, "daterange"),
    "days": DataType(Kind.INTEGER, "integer"),
}
SCOPE = Scope(Table(TableName("s", "t"), tuple(Column(n, k) for n, k in KINDS.items())))
TIMES = frozenset(KINDS) - {"days"}

KEPT = [
    "day <= until",
    "day <= until OR until IS NULL",
    "until >= day + 3",
    "until < day + '30 days'::interval",
    "until - day < days",
    "day >= '2020-01-01'::date",
    "at::date = day",
    "NOT (day > until)",
    "day BETWEEN '2020-01-01'::date AND until",
    "until <= COALESCE(until, 'infinity'::date)",
    "NOT isempty(during) AND lower(during) >= day",
    "day < CURRENT_DATE",
    "moment <= now() - '01:00:00'::interval",
    "until <> '9999-12-31'::date",
    "days > 3",
    "(days > 3) = (until IS NULL)",
    "(until IS NOT NULL AND days > 3) <> (moment IS NULL OR until >= day)",
]
LOST = [
    "day < '2025-01-01'::date",
    "day = '2024-02-01'::date",
    "NOT (day >= '2025-01-01'::date)",
    "EXTRACT(year FROM day) < 2025::numeric",
    "until <= day + '1 mon'::interval",
    "moment::date = day",
    "day = moment",
    "day > until OR day < '2025-01-01'::date",
    "during && '[2020-01-01,2021-01-01)'::daterange",
    "no_such_function(day)",
    "(day < '2025-01-01'::date) = (until IS NULL)",
]


@pytest.mark.parametrize("sql", KEPT)
def test_checks_that_are_kept_are_told(sql: str) -> None:
    assert still_true(sql, SCOPE, TIMES, forward=True)


@pytest.mark.parametrize("sql", LOST)
def test_checks_that_may_break_are_told(sql: str) -> None:
    assert not still_true(sql, SCOPE, TIMES, forward=True)


def test_a_bound_from_above_is_kept_by_moving_back() -> None:
    assert still_true("day < '2025-01-01'::date", SCOPE, TIMES, forward=False)
    assert not still_true("day >= '2020-01-01'::date", SCOPE, TIMES, forward=False)


def test_columns_that_rest_break_what_ties_them_to_others() -> None:
    assert not still_true("at::date = day", SCOPE, TIMES - {"day"}, forward=True)
    assert not still_true("day <= until", SCOPE, TIMES - {"until"}, forward=True)
    assert not still_true("day <= until", SCOPE, TIMES - {"day"}, forward=True)


def test_a_condition_on_a_fixed_day_holds_of_other_rows_afterwards() -> None:
    assert same_truth("until IS NULL AND day < at::date", SCOPE, TIMES)
    assert not same_truth("day >= '2020-01-01'::date", SCOPE, TIMES)


def test_days_stay_different_and_months_may_not() -> None:
    assert same_order("at::date", SCOPE, TIMES)
    assert not same_order("date_trunc('month'::text, at)", SCOPE, TIMES)


ROWS = """
create table t as
select d as day, d + (n % 60 - 20) as until, d + n * interval '7 hours' as at,
    d + n * interval '1 hour' as moment, daterange(d + n % 9, d + 10) as during, n % 40 as days
from generate_series(0, 99) n, lateral (select date '2019-10-01' + 7 * n as d) x
"""
MOVED_AND_BROKEN = """
select count(*) from (select *, {kept} as kept from t) t
cross join lateral (select t.day + 700 as day, t.until + 700 as until,
    t.at + interval '700 days' as at, t.moment + interval '700 days' as moment,
    daterange(lower(t.during) + 700, upper(t.during) + 700) as during, t.days) m
where t.kept and not (select {moved} from (select m.*) m)
"""


@pytest.mark.parametrize("sql", KEPT)
def test_the_database_agrees(database: str, sql: str) -> None:
    """Rows that keep a check keep it 700 days later, today being that much later too."""
    kept = "coalesce(({}), true)".format(sql.replace("CURRENT_DATE", "date '2022-01-01'"))
    moved = kept.replace("2022-01-01", "2023-12-02")
    with psycopg.connect(database) as connection:
        connection.execute(ROWS.encode())
        order = MOVED_AND_BROKEN.format(kept=kept, moved=moved)
        assert connection.execute(order.encode()).fetchone() == (0,)
