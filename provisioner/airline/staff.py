"""The airline's own people, one tree from the director down."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provisioner.airline import people

Ints = npt.NDArray[np.int64]

_TODAY = int(np.datetime64("2013-12-31", "D").astype(np.int64))
_YEAR = 365.25
_REPORTS = 7  # of each who leads
_TITLES = (
    ("Managing Director",),
    ("Head of Operations", "Head of Sales", "Head of Ground Services", "Head of Finance"),
    ("Station Manager", "Shift Manager", "Team Leader"),
    ("Customer Service Agent", "Gate Agent", "Ramp Agent", "Ticketing Agent", "Crew Planner"),
)
_SALARIES = np.array([240_000, 128_000, 71_000, 43_000])
_AIRPORTS = ("EWR", "JFK", "LGA")
_DOMAIN = "gotham-airlines.com"


def staff_table(rng: np.random.Generator, number: int) -> pa.Table:
    """Rows of `staff`; a manager's number is lower than those of all who report to them."""
    rank = np.arange(number)
    boss = (rank - 1) // _REPORTS
    level = np.minimum(_levels(rank), len(_TITLES) - 1)
    countries = rng.choice(len(people.COUNTRIES), number, p=people.COUNTRY_SHARES)
    names = people.people(rng, countries, rng.random(number) < 0.5)
    born, hired, left = _careers(rng, level)
    logins = pc.binary_join_element_wise(names.plain_first, names.plain_last, ".")
    tenure = (_TODAY - hired) / _YEAR
    pay = _SALARIES[level] * (1 + 0.015 * tenure) * np.exp(0.07 * rng.standard_normal(number))
    base = rng.choice(len(_AIRPORTS), number, p=(0.36, 0.34, 0.3))
    return pa.table(
        {
            "staff_id": rank + 1,
            "manager_id": pa.array(boss + 1, mask=rank == 0),
            "first_name": names.first,
            "last_name": names.last,
            "email": people.distinct_emails(logins, _DOMAIN),
            "phone": people.phones(rng, np.zeros(number, np.int64)),
            "date_of_birth": pa.array(born.astype("datetime64[D]")),
            "job_title": _titles(rng, level),
            "base_airport": pa.array(_AIRPORTS).take(pa.array(base)),
            "hired_on": pa.array(hired.astype("datetime64[D]")),
            "left_on": pa.array(left.astype("datetime64[D]"), mask=left > _TODAY),
            "salary": pa.array(pay // 100 * 100).cast(pa.decimal128(10, 2)),
        }
    )


def _levels(rank: Ints) -> Ints:
    """Depth in the tree in which person r reports to person (r - 1) // _REPORTS."""
    ends = np.cumsum(_REPORTS ** np.arange(8))
    return np.searchsorted(ends, rank, side="right")


def _careers(rng: np.random.Generator, level: Ints) -> tuple[Ints, Ints, Ints]:
    """Days of birth, hiring and leaving; whoever leads is older, and none of them has left."""
    age = rng.normal(54 - 6 * level, 7.0).clip(21, 66)
    tenure = (age - 19) * rng.beta(1.3, 2.2, len(level))
    hired = _TODAY - (tenure * _YEAR).astype(np.int64) - 30
    gone = (rng.random(len(level)) < 0.16) & (level == len(_TITLES) - 1)
    stay = ((_TODAY - hired) * rng.beta(1.5, 1.5, len(level))).astype(np.int64)
    left = np.where(gone, hired + stay, _TODAY + 1)
    return _TODAY - (age * _YEAR).astype(np.int64), hired, left


def _titles(rng: np.random.Generator, level: Ints) -> pa.Array:
    sizes = np.array([len(titles) for titles in _TITLES])
    starts = np.cumsum([0, *sizes[:-1]])
    picked = starts[level] + (rng.random(len(level)) * sizes[level]).astype(np.int64)
    return pa.array([t for titles in _TITLES for t in titles]).take(pa.array(picked))
