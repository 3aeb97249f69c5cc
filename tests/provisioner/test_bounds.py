"""Bounds that checks set through generated columns are found to the last value."""

import pytest

from connectors.datatypes import DataType, Kind
from connectors.limits import UNLIMITED, Limits
from connectors.rules import Expression, Scope, compiled
from connectors.schema import Column, Table, TableName
from provisioner.bounds import bounded

NUMBER = Column("n", DataType(Kind.INTEGER, "integer", bits=32))


def bounds(check: str, limits: Limits = UNLIMITED) -> tuple[object, object]:
    doubled = Column("twice", NUMBER.datatype, generated="n * 2")
    found = compiled(check, Scope(Table(TableName("public", "t"), (NUMBER, doubled))))
    assert isinstance(found, Expression)
    narrowed = bounded(NUMBER, limits, [found])
    return narrowed.least, narrowed.most


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("twice > 4", (3, None)),
        ("twice <= 1999", (None, 999)),
        ("twice > -7 AND twice < 4000", (-3, 1999)),
        ("twice = 246", (None, None)),
        ("twice < 0 OR twice > 1000000000", (None, -1)),
    ],
)
def test_the_longest_stretch_of_allowed_values_is_found(
    check: str, expected: tuple[int | None, int | None]
) -> None:
    assert bounds(check) == expected


def test_bounds_known_before_stay() -> None:
    assert bounds("twice > 4", Limits(least=-5, most=199)) == (3, 199)
