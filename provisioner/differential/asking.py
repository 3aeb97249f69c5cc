"""What learning with differential privacy was asked for, and what it needs to be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from connectors.profile import UnitPath
from connectors.schema import Schema, TableName
from generators.privacy.accountant import Budget
from generators.privacy.units import Ways, unit_paths
from provisioner.errors import WrongRequest


@dataclass(frozen=True, slots=True)
class Privacy:
    """Differential privacy for each privacy unit.

    Attributes:
        budget: what a unit may lose in all.
        public: tables that hold nobody's data, which are read as they are.
        bounds: the most rows of a unit that count, per table; the rest is found out.
        values: all values that a column may hold; of other columns they are found out.
        ways: each table's key to its unit, where a person says so.
    """

    budget: Budget
    public: frozenset[TableName] = frozenset()
    bounds: Mapping[TableName, int] = field(default_factory=dict)
    values: Mapping[tuple[TableName, str], pa.Array] = field(default_factory=dict)
    ways: Ways = field(default_factory=dict)


def protected(
    schema: Schema, units: tuple[TableName, ...], privacy: Privacy
) -> Mapping[TableName, UnitPath]:
    """Each table's way to its unit, by names and keys alone; no row or size is looked at.

    Raises:
        WrongRequest: a table belongs to no unit and was not declared public, or to one although it
            was, or may belong to one by some of its rows alone.
    """
    paths = unit_paths(schema, {}, units, privacy.ways)
    nobodys = [n for n, path in paths.items() if path.unit is None and not path.splits]
    undeclared = sorted(str(n) for n in nobodys if n not in privacy.public)
    if undeclared:
        raise WrongRequest(
            f"{', '.join(undeclared)} belong to no privacy unit, so that differential privacy "
            "cannot protect them: declare them public in the configuration (public: [tables]), "
            "leave them out, or name the table whose rows they belong to (--unit)"
        )
    wrong = sorted(str(n) for n in privacy.public if n in paths and n not in nobodys)
    if wrong:
        raise WrongRequest(f"{', '.join(wrong)} hold data of units, and cannot be public")
    _refuse_gaps(schema, paths)
    return paths


def _refuse_gaps(schema: Schema, paths: Mapping[TableName, UnitPath]) -> None:
    """Refuses keys between a table and its unit that may be null further up.

    A row above without a unit is one of its own, and so is each row below it: the former could
    change what is measured beside the latter by more than one unit's contribution.
    """
    gaps = sorted(
        {
            f"{key.table} ({', '.join(key.columns)})"
            for path in paths.values()
            for key in path.keys[1:]
            if any(schema.table(key.table).column(c).nullable for c in key.columns)
        }
    )
    if gaps:
        raise WrongRequest(
            f"{', '.join(gaps)} lead to a privacy unit for rows of other tables, but may be null: "
            "no bound on what one unit contributes would hold. Declare them NOT NULL, or leave out "
            "the tables below them (mode skip)"
        )
