"""What expressions say of single columns: constants, patterns and lengths worth trying."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from connectors.datatypes import DataType, Kind
from connectors.limits import lengths, literals, patterns
from connectors.rules import Scope
from connectors.schema import Column, Table, TableName

TODAY = date(2024, 6, 15)
COLUMNS = {
    "a": DataType(Kind.INTEGER, "integer", bits=32),
    "b": DataType(Kind.INTEGER, "integer", bits=32),
    "small": DataType(Kind.INTEGER, "smallint", bits=16),
    "words": DataType(Kind.TEXT, "text"),
    "price": DataType(Kind.DECIMAL, "numeric(10,2)", precision=10, scale=2),
    "day": DataType(Kind.DATE, "date"),
    "seen": DataType(Kind.TIMESTAMPTZ, "timestamp with time zone"),
    "key": DataType(Kind.UUID, "uuid"),
    "mail": DataType(Kind.TEXT, "public.citext"),
}
PLACES = Table(TableName("s", "t"), tuple(Column(n, kind) for n, kind in COLUMNS.items()))


def test_constants_come_in_the_type_of_their_column_with_their_neighbours() -> None:
    sql = "((price >= (5)::numeric) AND (day < '2024-01-01'::date) AND (a = ANY (ARRAY[7, 9])))"
    found = literals(sql, Scope(PLACES))
    assert found["price"] == (Decimal("5.00"), Decimal("4.99"), Decimal("5.01"))
    assert found["day"] == (date(2024, 1, 1), date(2023, 12, 31), date(2024, 1, 2))
    assert found["a"] == (7, 6, 8, 9, 10)


def test_constants_are_found_behind_casts_functions_and_either_side() -> None:
    sexes = "(upper((words)::text) = ANY (ARRAY['M'::text, 'F'::text]))"
    found = literals(f"({sexes} OR (3 < a) OR (b BETWEEN 1 AND 9))", Scope(PLACES))
    assert found["words"] == ("M", "F")
    assert found["a"] == (3, 2, 4)
    assert found["b"] == (1, 0, 2, 9, 8, 10)


def test_constants_may_be_computed_and_stay_within_the_type() -> None:
    found = literals(
        "((day <= (now() - '18 years'::interval)) AND (small <= 32767))", Scope(PLACES, today=TODAY)
    )
    assert found["day"][0] == date(2006, 6, 15)
    assert found["small"] == (32767, 32766)


def test_constants_of_moments_and_keys_are_values_of_their_columns() -> None:
    key = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    sql = (
        f"((seen > '2024-01-01 00:00:00+00'::timestamp with time zone) AND (key <> '{key}'::uuid))"
    )
    found = literals(sql, Scope(PLACES))
    assert found["seen"][0] == datetime(2024, 1, 1, tzinfo=UTC)
    assert found["key"] == (UUID(key).bytes,)


def test_patterns_are_for_pythons_own_expressions() -> None:
    sql = (
        "((words ~ '^[[:alpha:]]\\d\\s?$'::text) AND (mail ~* '^x'::text) AND (words !~ 'z'::text))"
    )
    found = patterns(sql, Scope(PLACES))
    assert found == {"words": ("^[A-Za-z][0-9][\\t\\n\\x0b\\f\\r ]?$",), "mail": ("(?i)^x",)}
    assert re.search(found["words"][0], "Q7")


def test_like_becomes_a_pattern_with_its_escapes() -> None:
    found = patterns(r"(words ~~ 'a\%\_%.'::text)", Scope(PLACES))
    assert re.search(found["words"][0], "a%_bc.")
    assert not re.search(found["words"][0], "axybc.")


@pytest.mark.parametrize(
    ("sql", "both"),
    [
        ("(length(words) > 5)", (6, None)),
        ("(char_length((words)::text) < 512)", (None, 511)),
        ("((length(btrim(words)) >= 2) AND (length(words) <= 9))", (2, 9)),
        ("(3 = length(words))", (3, 3)),
        ("(words <> ''::text)", (1, None)),
        ("((words IS NULL) OR (octet_length(words) = 4))", (4, 4)),
    ],
)
def test_lengths_leave_a_column_so_many_characters(
    sql: str, both: tuple[int | None, int | None]
) -> None:
    assert lengths(sql, Scope(PLACES)) == {"words": both}


def test_an_expression_that_cannot_be_read_proposes_nothing() -> None:
    scope = Scope(PLACES)
    assert not literals("(a = )", scope)
    assert not patterns("(a = )", scope)
    assert not lengths("(a = )", scope)
