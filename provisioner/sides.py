"""What the demo has shown of its two sides, the production database and the synthetic one."""

from dataclasses import dataclass
from pathlib import Path

from provisioner.report import Report

PRODUCTION, SYNTHETIC = "production", "synthetic"
"""The names of the demo's databases."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One command's share of the tour."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A table's rows on both sides."""

    table: str
    production: int
    synthetic: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Some rows of a table from both sides, as texts; "" stands for null."""

    table: str
    columns: tuple[str, ...]
    production: tuple[tuple[str, ...], ...]
    synthetic: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Tour:
    """What the tour has shown."""

    stages: tuple[Stage, ...]
    counts: tuple[Compared, ...]
    shown: tuple[Shown, ...]
    report: Report
    model: Path
