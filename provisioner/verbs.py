"""The verbs of the command line as functions, for programs and notebooks.

`from provisioner import learn_database` finds them, and loads nothing heavy before that. Each takes
`listen`, a function that is called with every event of `provisioner.events` as it happens, and
raises what its command would exit with: a tree of errors in `provisioner.errors`, one in
`connectors.errors` and one in `generators.errors`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypedDict, Unpack

from connectors.engines import open_source, open_target, server_facts
from generators.archive import write_archive
from generators.model import DatabaseModel
from generators.privacy.accountant import DELTA, Budget
from provisioner.apply import to_learning
from provisioner.carrying import Carrying
from provisioner.closing import write_page
from provisioner.config import Config, found_config
from provisioner.describe import Description, describe
from provisioner.differential.asking import Privacy
from provisioner.disk import check_room
from provisioner.errors import Infeasible, WrongRequest
from provisioner.estimating import COUNTED, counted_queries, given_queries
from provisioner.events import Listener, Stated, silent
from provisioner.gate import to_gate
from provisioner.learn import models
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.migrated import start_over
from provisioner.notebook import File
from provisioner.opening import opened, planned
from provisioner.plan import Plan
from provisioner.replacing import Kept, why_not_written
from provisioner.report import Report
from provisioner.verify import verify
from provisioner.workers.crews import Workers


class LearnOptions(TypedDict, total=False):
    """How to learn a database.

    Attributes:
        config: a configuration, or its file; none is looked for without it.
        units: tables whose rows are the privacy units; found by their columns without it.
        k: distinct privacy units behind everything that the file holds; 11 without it.
        table_model: "trees", "network", "auto" or "independent"; "trees" without it.
        budget: how long "auto" may train networks; chosen by size without it.
        epsilon: asks for differential privacy for each unit.
        delta: the chance that a unit loses more than epsilon; 1e-6 without it.
        seed: chooses which units are held out; 0 without it.
        as_of: the day that the rows stand for; today without it.
        acknowledge: hashes of findings that shall not stop it.
        queries: a file of SELECTs whose plans are kept, or "pg_stat_statements".
        attacks: whether to attack the model at the end; yes without it.
        skip_unreadable: whether to leave out tables that the role may not read.
    """

    config: Config | File
    units: Sequence[str]
    k: int
    table_model: str
    budget: timedelta
    epsilon: float
    delta: float
    seed: int
    as_of: date
    acknowledge: Collection[str]
    queries: File
    attacks: bool
    skip_unreadable: bool


class PlanOptions(TypedDict, total=False):
    """What to make of a file.

    Attributes:
        config: a configuration, or its file; none is looked for without it.
        scale: factor on the rows learned; 1 without it.
        rows: exact rows of root tables; under "*", those of each table that was empty.
        seed: another one makes other rows; 0 without it.
        keep: tables of the target whose rows stay, and are referenced.
        as_of: the day that the rows shall look like.
        acknowledge: hashes of findings that shall not stop it.
        accept_risk: why a model is used whose attacks failed.
        trust_ddl: whether functions in untrusted languages may be created.
    """

    config: Config | File
    scale: float
    rows: Mapping[str, int]
    seed: int
    keep: Collection[str]
    as_of: date
    acknowledge: Collection[str]
    accept_risk: str
    trust_ddl: bool


class ProvisionOptions(PlanOptions, total=False):
    """What to make of a file, and how.

    Attributes:
        workers: processes that load; by size and processors without it.
        truncate: whether to empty what an earlier load filled, and start over.
        html: a file to write the report to, as a page.
    """

    workers: int
    truncate: bool
    html: File


def describe_database(
    source: str, *, distinct: bool = False, listen: Listener = silent
) -> Description:
    """What a source holds: tables, sizes, owners, privacy units, personal columns.

    Args:
        source: the URL, such as `postgresql://user@host:5432/database`.
        distinct: whether to count distinct values, too.
        listen: told of every event.
    """
    with open_source(source) as found:
        return describe(found, listen, distinct=distinct)


def learn_database(
    source: str, file: File, *, listen: Listener = silent, **options: Unpack[LearnOptions]
) -> DatabaseModel:
    """Learns a source in one read-only snapshot, and writes the file that may leave it.

    Args:
        source: the URL, such as `postgresql://user@host:5432/database`.
        file: the file to write; one that holds a model is replaced.
        listen: told of every event.
        options: see `LearnOptions`.

    Raises:
        WrongRequest: an option or a unit does not fit, or the file cannot be written.
        Telling: the schema's statements tell of people, and nobody acknowledged it.
    """
    why = why_not_written(Path(file))
    if why is not None:
        raise WrongRequest(why)
    config = _config(options.get("config"))
    with open_source(source) as found:
        asked = _learning(options, config)
        if options.get("queries") == COUNTED and asked.privacy is None:
            asked = replace(asked, queries=counted_queries(found))
        chosen = to_learning(config, found, asked, tuple(options.get("units", ())))
        for model in models(found, chosen, listen):
            write_archive(model, Path(file))
    return model


def plan_database(file: File, **options: Unpack[PlanOptions]) -> Plan:
    """What `provision_database` would write, in which order, and what cannot be met.

    Args:
        file: what `learn_database` wrote.
        options: see `PlanOptions`.

    Raises:
        WrongRequest: an option does not fit the model.
    """
    _, found, _ = planned(Path(file), target=None, **_asked({"trust_ddl": True, **options}))
    return found


def provision_database(
    file: File, target: str, *, listen: Listener = silent, **options: Unpack[ProvisionOptions]
) -> Report:
    """Fills a database without rows from a file, and verifies it.

    Killed anywhere, the same call completes the same database.

    Args:
        file: what `learn_database` wrote.
        target: the URL of the database to fill.
        listen: told of every event.
        options: see `ProvisionOptions`.

    Raises:
        Infeasible: plan or pilot found what cannot be met; nothing was written.
        WrongRequest: an option does not fit the model.
    """
    page = None if (html := options.get("html")) is None else _page(html)
    asked = _asked(options, ProvisionOptions)
    model, found, given = planned(Path(file), target=target, **asked)
    if any(finding.stops for finding in found.findings):
        raise Infeasible(found.findings)
    with open_target(target) as filled:
        if options.get("truncate", False):
            start_over(model, found, filled)
        said = None if filled.ledger() else check_room(found, server_facts(target))
        if said is not None:
            listen(Stated(said))
        load(model, found, filled, listen, given, Workers(target, options.get("workers")))
        report = verify(model, filled, listen, to_gate(asked["config"]))
        if page is not None:
            write_page(page, (model, found.model), (filled, report))
    return report


def verify_database(
    file: File,
    target: str,
    *,
    html: File | None = None,
    acknowledge: Collection[str] = (),
    config: Config | File | None = None,
    listen: Listener = silent,
) -> Report:
    """Holds a filled database against its file; the report says whether it passed.

    Args:
        file: what `learn_database` wrote.
        target: the URL of the database that was filled from it.
        html: a file to write the report to, as a page.
        acknowledge: hashes of findings that shall not fail it.
        config: a configuration, or its file, with thresholds under `verify`.
        listen: told of every event.

    Raises:
        Unprovable: the target holds no finished load.
    """
    page = None if html is None else _page(html)
    model, fingerprint = opened(Path(file))
    with open_target(target) as filled:
        report = verify(model, filled, listen, to_gate(_config(config), tuple(acknowledge)))
        if page is not None:
            write_page(page, (model, fingerprint), (filled, report))
    return report


def _config(given: Config | File | None) -> Config:
    if given is None:
        return Config()
    return given if isinstance(given, Config) else found_config(Path(given))


def _page(file: File) -> Path:
    why = why_not_written(Path(file), Kept.PAGE)
    if why is not None:
        raise WrongRequest(why)
    return Path(file)


def _learning(options: LearnOptions, config: Config) -> Learning:
    """How to learn; what no option says, the configuration does."""
    _check(options, LearnOptions)
    queries = options.get("queries")
    default = Learning()
    attacked = options.get("attacks", True)
    learning = Learning(
        k=options.get("k", config.k or default.k),
        kind=options.get("table_model", default.kind),
        skip_unreadable=options.get("skip_unreadable", False),
        seed=options.get("seed", 0),
        as_of=options.get("as_of"),
        budget=options.get("budget", config.budget),
        carrying=Carrying(acknowledged=frozenset(options.get("acknowledge", ()))),
        attack=config.privacy.attacks.limits if attacked else None,
        queries=() if queries in {None, COUNTED} else given_queries(Path(str(queries))),
    )
    epsilon = options.get("epsilon", config.epsilon)
    if epsilon is None:
        return learning
    delta = options.get("delta", config.delta or DELTA)
    return replace(learning, privacy=Privacy(Budget(epsilon, delta)))


def _asked(options: PlanOptions, known: type = PlanOptions) -> dict[str, Any]:
    """The same as the steps of the command line take it."""
    _check(options, known)
    config = _config(options.get("config"))
    rows = options.get("rows", {})
    return {
        "config": config,
        "scale": options.get("scale", config.scale or 1.0),
        "seed": options.get("seed", 0),
        "rows": tuple(str(n) if name == "*" else f"{name}={n}" for name, n in rows.items()),
        "keep": tuple(options.get("keep", ())),
        "as_of": options.get("as_of"),
        "acknowledge": tuple(options.get("acknowledge", ())),
        "accept_risk": options.get("accept_risk", ""),
        "trust_ddl": options.get("trust_ddl", False),
    }


def _check(options: Mapping[str, object], known: type) -> None:
    """Refuses names that are no option's, which types tell a checker alone."""
    names = known.__annotations__
    unknown = sorted(options.keys() - names)
    if unknown:
        raise WrongRequest(
            f"{', '.join(unknown)} is no option; expected one of {', '.join(sorted(names))}"
        )
