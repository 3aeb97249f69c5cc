"""The command line: the one module that reads arguments and prints.

Everything heavy is imported inside the commands, so that help and mistakes are answered at once.
"""
# ruff: noqa: PLC0415 - imports inside the commands are what keeps the start short

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioner import options
from provisioner.complaints import DEBUG, Complaint, complaint, wants_json
from provisioner.errors import Infeasible, Stopped
from provisioner.events import Listener, Stated

if TYPE_CHECKING:
    from rich.console import RenderableType

    from connectors.engines import Target
    from connectors.schema import TableName
    from generators.model import DatabaseModel
    from provisioner.config import Config
    from provisioner.given import Given
    from provisioner.plan import Plan
    from provisioner.report import Finding

DONE, FOUND = 0, 1

Renderables = Iterable["RenderableType"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and answers the exit code.

    0 done, 1 a finding that is an error, 2 wrong usage, 3 could not, 130 interrupted.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    ended = _ended(given)
    if isinstance(ended, int):
        return ended
    if wants_json(given):
        _print_json({"error": asdict(ended)})
    return ended.code


def _ended(arguments: Sequence[str]) -> int | Complaint:
    """Runs a command; answers its exit code, or what people were told on stderr."""
    try:
        with _terminable():
            code = commands.main(arguments, prog_name="provisioner", standalone_mode=False)
        return code if isinstance(code, int) else DONE
    except click.ClickException as error:
        error.show()
        return Complaint(type(error).__name__, error.format_message(), error.exit_code)
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the last place that can tell a person what happened
        interrupted = isinstance(error, KeyboardInterrupt | click.Abort)
        if os.environ.get(DEBUG) and not interrupted:
            traceback.print_exc()
        told = complaint(KeyboardInterrupt() if interrupted else error)
        click.echo(told.text, err=True)
        return told


@contextmanager
def _terminable() -> Iterator[None]:
    """Has SIGTERM end a run as Ctrl-C does: what is committed stays, and a person is told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="dbprovisioner", prog_name="provisioner")
def commands() -> None:
    """Fill test databases with rows that look like production, yet are nobody's."""


@commands.command()
@click.option("--scale", type=click.FloatRange(0, 100, min_open=True), default=1.0)
@options.written(
    default="demo.model", show_default=True, metavar="FILE", help="The model to write."
)
@click.option("--passengers", type=click.IntRange(100), default=20_000, show_default=True)
@click.option("--flights", type=click.IntRange(100), help="Of 336,776; all without it.")
@click.option("--stay", is_flag=True, help="Keep the server up until Ctrl-C.")
@options.seed
@options.output
def demo(output: str, *, stay: bool, **sizes: Any) -> int:
    """Take the whole tour on an embedded server."""
    from provisioner import documents, rendering
    from provisioner.demo import Outing
    from provisioner.demo import demo as taken

    with _listening(output) as listen, taken(Outing(**sizes), listen) as (tour, server):
        _answer(
            output,
            lambda: rendering.toured(tour, server if stay else None),
            lambda: documents.tour_document(tour),
        )
        if stay:
            _until_interrupted()
    return DONE if tour.report.passed else FOUND


@commands.command()
@options.database("source")
@click.option("--distinct", is_flag=True, help="Count distinct values too; reads more.")
@options.output
def describe(source: str, output: str, *, distinct: bool) -> int:
    """List tables, owners, privacy units and personal columns."""
    from connectors.engines import open_source
    from provisioner import rendering
    from provisioner.describe import describe as described

    with _listening(output) as listen, open_source(source) as opened:
        found = described(opened, listen, distinct=distinct)
    _answer(output, lambda: rendering.described(found), lambda: found)
    return DONE


@commands.command()
@options.config
@options.database("source")
@options.written(required=True, metavar="FILE", help="The model to write.")
@click.option(
    "--k", type=click.IntRange(1), default=11, show_default=True, help="Units behind each value."
)
@click.option(
    "--table-model",
    type=click.Choice(["trees", "network", "auto", "independent"]),
    default="trees",
    is_eager=True,
)
@click.option(
    "--refine/--no-refine",
    default=None,
    help="Choose each owner's rows among several drawn; by default with network and auto.",
)
@click.option(
    "--budget",
    type=click.UNPROCESSED,
    metavar="DURATION",
    callback=options.duration,
    help="How long auto may train networks, such as 90s, 5m or 1h; chosen by size without it.",
)
@click.option("--unit", multiple=True, metavar="TABLE", help="Whose data it is; repeatable.")
@options.as_of("Day that the source's rows stand for; today without it.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out tables the role may not read.")
@options.seed
@options.output
def learn(config: "Config", source: str, model: Path, output: str, **learning: Any) -> int:
    """Learn a source; write what may leave it to one file."""
    from connectors.engines import open_source
    from generators.archive import fingerprint, write_archive
    from provisioner.apply import to_learning
    from provisioner.learn import Learning, models

    units = learning.pop("unit")
    chosen = Learning(kind=learning.pop("table_model"), **learning)
    with _listening(output) as listen, open_source(source) as opened:
        better = models(opened, to_learning(config, opened, chosen, units), listen)
        found = next(better)
        write_archive(found, model)
        with _keeping(f"{model} is there and can be used, with trees for every table"):
            for found in better:
                write_archive(found, model)
    rows = sum(table.rows.value for table in found.tables.values())
    facts = {"file": str(model), "fingerprint": fingerprint(model), "k": found.k}
    _answer(
        output,
        lambda: [
            f"learned {len(found.tables)} tables with {rows:,} rows into {model}",
            f"review it: provisioner show {model}",
        ],
        lambda: {**facts, "tables": len(found.tables), "rows": rows},
    )
    return DONE


@commands.command()
@options.archive
@options.output
def show(file: Path, output: str) -> int:
    """Tell a reviewer what is inside a file."""
    from provisioner import rendering
    from provisioner.contents import contents

    found = contents(*_read(file))
    _answer(output, lambda: rendering.listed(found), lambda: found)
    return DONE


@commands.command()
@options.archive
@options.config
@options.database("target", required=False)
@options.size
@options.as_of("Day that the rows shall look like; times move by whole weeks.")
@options.acknowledge
@options.output
def plan(file: Path, output: str, **request: Any) -> int:
    """Say what would be written, and what cannot be met."""
    from provisioner import documents, rendering
    from provisioner.feasibility import constraints_met

    model, planned, _ = _planned(file, **request)
    met = constraints_met(model)
    _answer(
        output,
        lambda: rendering.planned(planned, met),
        lambda: documents.plan_document(planned, met),
    )
    return FOUND if any(f.stops for f in planned.findings) else DONE


@commands.command()
@options.archive
@options.config
@options.database("target")
@options.size
@options.as_of("Day that the rows shall look like; times move by whole weeks.")
@options.acknowledge
@click.option(
    "--workers", type=click.IntRange(1, 1_000), help="Processes that load; by size and processors."
)
@click.option("--ray", metavar="ADDRESS|local", help="Load on a Ray cluster.")
@click.option("--no-verify", is_flag=True, help="Do not check the target at the end.")
@click.option("--truncate", is_flag=True, help="Empty what an earlier load filled; start over.")
@click.option("--abort", is_flag=True, help="Take back a load into a schema that was there.")
@options.output
def provision(
    file: Path,
    target: str,
    output: str,
    *,
    workers: int | None,
    ray: str | None,
    no_verify: bool,
    truncate: bool,
    abort: bool,
    **request: Any,
) -> int:
    """Fill a database without rows and verify it.

    Creates the schema, or uses the one there; has some rows judged, then generates and loads them
    all. Run again after a stop, it resumes.
    """
    from connectors.engines import open_target
    from provisioner import documents, rendering
    from provisioner.load import load
    from provisioner.verify import verify as verified
    from provisioner.workers.crews import Workers

    if abort:
        return _aborted(target, output)
    model, planned, given = _planned(file, target=target, **request)
    if any(finding.stops for finding in planned.findings):
        return _not_begun(output, planned)
    report = None
    try:
        with _listening(output, _totals(planned)) as listen, open_target(target) as opened:
            if truncate:
                _emptied(model, planned, opened, listen)
            with _keeping("shards already committed stay; run the same command to resume"):
                crew = Workers(target, workers, ray)
                loaded = load(model, planned, opened, listen, given, crew)
            with _keeping("the load is complete; run `provisioner verify` to check it"):
                report = None if no_verify else verified(model, opened, listen)
    except Infeasible as found:
        return _not_begun(output, planned, found.findings)
    _answer(
        output,
        lambda: rendering.provisioned(loaded, report),
        lambda: documents.provision_document(planned, loaded, report),
    )
    return DONE if report is None or report.passed else FOUND


@commands.command()
@options.archive
@options.config
@options.database("target")
@options.output
def verify(config: "Config", file: Path, target: str, output: str) -> int:  # noqa: ARG001 - its words are the options' defaults
    """Check integrity, row counts, marginals and leaks."""
    from connectors.engines import open_target
    from provisioner import documents, rendering
    from provisioner.verify import verify as verified

    model, _ = _read(file)
    with _listening(output) as listen, open_target(target) as opened:
        report = verified(model, opened, listen)
    _answer(output, lambda: rendering.verified(report), lambda: documents.report_document(report))
    return DONE if report.passed else FOUND


@commands.command("edge-cases")
@options.archive
@options.config
@options.database("target")
def edge_cases(config: "Config", file: Path, target: str) -> int:
    """Tell the rows of a filled target that hold values at the edge, one as JSON per line."""
    from connectors.engines import open_target
    from provisioner.documents import as_line
    from provisioner.handmade import hand_made
    from provisioner.labels import edge_rows
    from provisioner.verify import finished_plan

    model, _ = _read(file)
    with open_target(target) as opened:
        plan, _ = finished_plan(opened)
        given = hand_made(config, model.schema, plan.seed, os.environ)
        for batch in edge_rows(model, opened, given):
            for key in batch.rows.to_pylist():
                click.echo(as_line({"table": str(batch.table), "key": key}))
    return DONE


@commands.command()
@options.database("source", required=False)
@options.database("target", required=False)
@options.output
def doctor(source: str | None, target: str | None, output: str) -> int:
    """Say what this machine and these databases offer."""
    from provisioner import documents, rendering
    from provisioner.doctor import diagnose

    found = diagnose(source, target)
    _answer(output, lambda: rendering.diagnosed(found), lambda: documents.diagnosis_document(found))
    return DONE if found.passed else FOUND


def _emptied(model: "DatabaseModel", planned: "Plan", target: "Target", listen: Listener) -> None:
    from provisioner.migrated import start_over

    emptied = start_over(model, planned, target)
    listen(Stated(f"tables emptied to start over: {len(emptied)}"))


def _aborted(target: str, output: str) -> int:
    from connectors.engines import open_target
    from provisioner.migrated import take_back

    with open_target(target) as opened:
        emptied = [str(name) for name in take_back(opened)]
    _answer(
        output,
        lambda: [f"took the load back; its schema is as it was, {len(emptied)} tables are empty"],
        lambda: {"emptied": emptied},
    )
    return DONE


def _read(file: Path) -> "tuple[DatabaseModel, str]":
    """The model of a file, and the file's fingerprint."""
    from generators.archive import fingerprint, read_archive

    return read_archive(file), fingerprint(file)


def _planned(
    file: Path, config: "Config", target: str | None, **asked: Any
) -> "tuple[DatabaseModel, Plan, Mapping[TableName, Given]]":
    """The model, the plan of what `_size` and `_acknowledge` ask, and the hand-made rows."""
    from provisioner.admission import admit
    from provisioner.apply import to_request
    from provisioner.frequency import measured
    from provisioner.given import planned_rows
    from provisioner.handmade import hand_made
    from provisioner.kept import kept_in
    from provisioner.naming import named_tables
    from provisioner.plan import Request
    from provisioner.plan import plan as made
    from provisioner.synthesize import Synthesizer

    model, fingerprint = _read(file)
    keep = frozenset(named_tables(asked["keep"], model.tables))
    acknowledged = frozenset(asked["acknowledge"])
    wanted = Request(
        asked["scale"],
        asked["seed"],
        keep=keep,
        acknowledged=acknowledged,
        as_of=asked["as_of"],
    )
    request = to_request(config, model.tables, wanted, asked["rows"])
    if request.keep and target is None and config.target is not None:
        target = config.url("target", os.environ)
    request = measured(model, fingerprint, request)
    given = hand_made(config, model.schema, request.seed, os.environ)
    summaries = tuple(planned_rows(rows, model.tables[n]) for n, rows in sorted(given.items()))
    kept = kept_in(target, model, request.keep)
    planned = made(model, fingerprint, request, kept, summaries)
    if given and not kept:
        admit(model, planned, Synthesizer(model, planned, given=given).placing, given)
    return model, planned, given


def _not_begun(output: str, planned: "Plan", pilot: "tuple[Finding, ...]" = ()) -> int:
    """Shows what plan and pilot found, and that it stopped the run before its first row."""
    from provisioner import documents, rendering

    _answer(
        output,
        lambda: rendering.planned(planned, pilot=pilot),
        lambda: documents.provision_document(planned, pilot=pilot),
    )
    return FOUND


def _totals(planned: "Plan") -> Mapping[str, int]:
    """Rows to load by table."""
    return {
        str(name): layout.total
        for tree in planned.trees
        for name, layout in zip(tree.tables, tree.layouts, strict=True)
    }


@contextmanager
def _keeping(kept: str) -> Iterator[None]:
    """Lets an interrupt say what was kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(kept) from None


@contextmanager
def _listening(output: str, totals: Mapping[str, int] | None = None) -> Iterator[Listener]:
    """Progress on stderr: bars on a terminal, else lines; objects beside a JSON document."""
    if output == "json":
        from provisioner.documents import as_line, event_document

        yield lambda event: click.echo(as_line(event_document(event)), err=True)
        return
    from rich.console import Console

    from provisioner.progress import Lines, bars

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        yield Lines(partial(click.echo, err=True), totals)
        return
    with bars(console, totals) as listen:
        yield listen


def _answer(
    output: str, renderables: Callable[[], Renderables], document: Callable[[], object]
) -> None:
    """Prints a result on stdout, in the form that was asked for."""
    if output == "json":
        _print_json(document())
        return
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 200
    console = Console(width=wide, markup=False, highlight=False, emoji=False)
    for renderable in renderables():
        console.print(renderable)


def _print_json(document: object) -> None:
    from provisioner.documents import as_text

    click.echo(as_text(document))


def _until_interrupted() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    sys.exit(main())
