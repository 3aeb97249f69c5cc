"""What a person asks of a plan, and whether a model can give it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from connectors.schema import TableName
from generators.companions import drawn_trees
from generators.model import DatabaseModel
from provisioner.errors import WrongRequest
from provisioner.scenarios import Scenario, read_by
from provisioner.shifting import Shift


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants.

    Attributes:
        scale: factor on the rows of every tree that is not reference data.
        seed: the same seed gives the same rows.
        rows: exact numbers of rows for root tables, over the scale.
        cold: rows of each table that is empty in the source, so that no scale applies.
        empty: tables that are created and stay empty.
        keep: tables whose rows in the target stay, and are referenced.
        fire: tables whose triggers are there before their rows.
        acknowledged: hashes of findings that are errors and yet do not stop the run. Rows are then
            drawn as well as they can be and written as they are, so that the server is the judge
            of the constraint; where it refuses one, the load stops there.
        as_of: the day that the rows shall look like; None for that of learning.
        scenarios: predicates that so many rows of a table shall satisfy.
        edge_cases: share of the rows of each table that hold values at the edge.
        accept_risk: why a model is used whose attacks failed; empty where it is not.
    """

    scale: float = 1.0
    seed: int = 0
    rows: Mapping[TableName, int] = field(default_factory=dict)
    cold: int = 0
    empty: frozenset[TableName] = frozenset()
    keep: frozenset[TableName] = frozenset()
    fire: frozenset[TableName] = frozenset()
    acknowledged: frozenset[str] = frozenset()
    as_of: date | None = None
    scenarios: tuple[Scenario, ...] = ()
    edge_cases: float = 0.0
    accept_risk: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A table whose rows in the target stay.

    Attributes:
        rows: rows that may be referenced.
        digest: of the key values that may be referenced, so that no other ones pass for them.
    """

    table: TableName
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class HandMade:
    """The rows of a table that somebody made by hand; the plan holds none of their values.

    Attributes:
        rows: how many there are.
        digest: of their values, so that no other ones pass for them.
        outside: per column of invented contacts, how many lie outside their reserved space.
    """

    table: TableName
    rows: int
    digest: str
    outside: tuple[tuple[str, int], ...] = ()


def check(model: DatabaseModel, request: Request) -> None:
    """Raises WrongRequest where what is asked for contradicts the model or itself."""
    if not 0 < request.scale <= 1e6:
        raise WrongRequest(f"scale {request.scale:g} found; expected above 0, at most 1000000")
    for name in sorted(request.keep & request.rows.keys()):
        raise WrongRequest(f"rows asked for {name}, whose rows are kept; drop one of the two")
    for name in (*request.rows, *request.empty, *request.keep, *request.fire):
        if name not in model.tables:
            raise WrongRequest(f"the model holds no table {name}; see `provisioner show`")
    _check_scenarios(request)
    roots = {tree[0] for tree in drawn_trees(model)}
    for name, rows in request.rows.items():
        if name not in roots:
            above = model.owners[name].parent
            raise WrongRequest(f"rows of {name} follow those of {above}; set that table's rows")
        if rows < 0:
            raise WrongRequest(f"{rows} rows asked for {name}; expected 0 or more")


def _check_kept(request: Request, kept: tuple[Kept, ...], hand_made: tuple[HandMade, ...]) -> None:
    for one in hand_made:
        if one.table in request.keep:
            raise WrongRequest(f"{one.table} has hand-made rows and is kept; drop one of the two")
    if request.keep != {one.table for one in kept}:
        raise WrongRequest("which rows are kept depends on the target; name it with --target")


def checked_carried(
    model: DatabaseModel,
    request: Request,
    kept: tuple[Kept, ...],
    hand_made: tuple[HandMade, ...],
) -> tuple[TableName, ...]:
    """The tables whose rows the model holds; refused is what would change these or kept ones."""
    _check_kept(request, kept, hand_made)
    carried = tuple(sorted(model.carried.keys() - request.keep))
    asked = {
        "rows asked for": request.rows.keys(),
        "mode empty asked for": request.empty,
        "hand-made rows given for": {one.table for one in hand_made},
        "a scenario on": {t for s in request.scenarios for t in (s.table, s.judged)},
    }
    for what, names in asked.items():
        for name in sorted(names & set(carried)):
            raise WrongRequest(
                f"{what} {name}, whose rows travel in the file; drop that, or learn again without "
                "its mode"
            )
    return carried


def check_apart(
    model: DatabaseModel, request: Request, shift: Shift | None, hand_made: tuple[HandMade, ...]
) -> None:
    """Refuses scenarios that moved times or rows made by hand would undo."""
    made = {one.table for one in hand_made}
    for name, columns in read_by(model, request.scenarios).items():
        if name in made:
            raise WrongRequest(f"{name} has hand-made rows and a scenario; drop one of the two")
        if shift is not None and (moving := sorted(columns & shift.of(name))):
            raise WrongRequest(
                f"a scenario reads {name}.{moving[0]}, which moves with the times; drop `as_of`, "
                "or ask for other columns"
            )


def _check_scenarios(request: Request) -> None:
    for scenario in request.scenarios:
        for name in sorted({scenario.table, scenario.judged} & request.keep):
            raise WrongRequest(f"{scenario.place}: rows of {name} are kept; drop one of the two")
