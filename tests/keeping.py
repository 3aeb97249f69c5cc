"""Learns sources with rules, fills targets by what was learned, and says what the rules are."""

from pathlib import Path

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.report import Report
from provisioner.request import Request
from provisioner.verify import verify


def learned(source: str, learning: Learning, folder: Path) -> DatabaseModel:
    """What an archive gives back of a source that was learned."""
    with open_source(source) as opened:
        write_archive(learn(opened, learning), folder / "rules.model")
    return read_archive(folder / "rules.model")


def filled(
    model: DatabaseModel, url: str, folder: Path, scale: float = 1.0, seed: int = 0
) -> Report:
    """What `verify` says of a target that the model filled."""
    write_archive(model, folder / "filled.model")
    planned = plan(model, fingerprint(folder / "filled.model"), Request(scale=scale, seed=seed))
    with open_target(url) as target:
        load(model, planned, target)
        return verify(model, target)


def of(model: DatabaseModel, table: str) -> list[str]:
    """The rules of a table, in words."""
    name = TableName("public", table)
    return [found.words for found in model.invariants if found.rule.table == name]
