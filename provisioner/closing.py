"""The steps that several commands end with: writing what was found as a page."""
# ruff: noqa: PLC0415 - imports inside functions are what keeps the start short

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.engines import Target
    from generators.model import DatabaseModel
    from provisioner.report import Report


def write_page(
    file: Path,
    archive: "tuple[DatabaseModel, str]",
    found: "tuple[Target, Report]",
) -> None:
    """Writes what `verify` found in a target as a page.

    Args:
        file: where to.
        archive: the model that the target was filled from, and its fingerprint.
        found: the target and the report on it.
    """
    from datetime import UTC, datetime

    from provisioner import replacing
    from provisioner.page.page import page
    from provisioner.verify import finished_plan

    (model, fingerprint), (target, report) = archive, found
    plan, _ = finished_plan(target)
    replacing.write(file, page(model, fingerprint, plan, report, datetime.now(UTC)))
