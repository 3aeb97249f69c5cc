"""What learning with differential privacy was asked for, and what it needs to be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from connectors.profile import UnitPath
from connectors.schema import Schema, TableName
from generators.privacy.accountant import Budget
from generators.privacy.units import unit_paths
from provisioner.errors import WrongRequest


@dataclass(frozen=True, slots=True)
class Privacy:
    """Differential privacy for each privacy unit.

    Attributes:
        budget: what a unit may lose in all.
        public: tables that hold nobody's data, which are read as they are.
        bounds: the most rows of a unit that count, per table; the rest is found out.
        values: all values that a column may hold; of other columns they are found out.
    """

    budget: Budget
    public: frozenset[TableName] = frozenset()
    bounds: Mapping[TableName, int] = field(default_factory=dict)
    values: Mapping[tuple[TableName, str], pa.Array] = field(default_factory=dict)


def protected(
    schema: Schema, units: tuple[TableName, ...], privacy: Privacy
) -> Mapping[TableName, UnitPath]:
    """Each table's way to its unit, by names and keys alone; no row or size is looked at.

    Raises:
        WrongRequest: a table belongs to no unit and was not declared public, or to one although it
            was.
    """
    paths = unit_paths(schema, {}, units)
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
    return paths
