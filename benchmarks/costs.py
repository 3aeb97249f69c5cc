"""What a shard costs in seconds of one processor, whatever else the machine does meanwhile.

`python -m benchmarks.costs FILE --shards 10` loads the first shards of a model into a fresh
database, one session after the other, and prints seconds of the client's processor (drawing,
encoding and sending) and of the server's (COPY, each kind of step, statistics) as JSON, per shard.
`docs/scale.md` computes plans from them. The server must run on this machine, since its processor
time is read from /proc.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.servers import database, server
from connectors.ddl import Section
from connectors.engines.postgresql.ddl import SETTINGS
from connectors.engines.postgresql.sending import send
from generators.archive import fingerprint, read_archive
from generators.model import DatabaseModel
from provisioner.plan import Plan, plan
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

_KINDS = {"CONSTRAINT": "indexes", "INDEX": "indexes", "FK CONSTRAINT": "keys"}
_TICKS = os.sysconf("SC_CLK_TCK")
# Parallel workers would be other processes, whose time nobody counts.
_ALONE = (
    "SET max_parallel_maintenance_workers = 0",
    "SET max_parallel_workers_per_gather = 0",
    "SET maintenance_work_mem = '256MB'",
)


def main(arguments: Sequence[str]) -> None:
    """Prints the costs of a shard."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--shards", type=int, default=10)
    options = parser.parse_args(arguments)
    model = read_archive(options.file)
    planned = _planned(model, options.file, options.shards)
    tree = max(range(len(planned.trees)), key=lambda number: planned.trees[number].rows)
    with server() as url, database(url) as target, psycopg.connect(target, autocommit=True) as own:
        for setting in (*SETTINGS, *_ALONE):
            own.execute(setting.encode())
        spent = _spent(own, model, planned)
        size = own.execute("SELECT pg_database_size(current_database())").fetchone()
    shards = planned.trees[tree].shards
    found = {name: round(seconds / shards, 4) for name, seconds in spent.items()}
    more = {"rows": planned.trees[tree].rows // shards, "bytes": size and size[0] // shards}
    print(json.dumps({"shards": shards, **more, **found}, indent=2))


def _planned(model: DatabaseModel, path: Path, shards: int) -> Plan:
    """A plan whose largest tree has about so many shards."""
    once = plan(model, fingerprint(path), Request(scale=1.0))
    largest = max(tree.rows for tree in once.trees)
    return plan(model, fingerprint(path), Request(scale=shards * 99_000 / largest))


def _spent(own: psycopg.Connection, model: DatabaseModel, planned: Plan) -> dict[str, float]:
    synthesizer, spent = Synthesizer(model, planned), dict[str, float]()
    for item in model.ddl:
        if item.section is Section.PRE_DATA:
            own.execute(item.statement.encode())
    list(synthesizer.shard(0, 0))  # the first one also makes ready what all need
    for number, tree in enumerate(planned.trees):
        for shard in range(tree.shards):
            with _counted(own, spent, "draw", ""):
                batches = list(synthesizer.shard(number, shard))
            with _counted(own, spent, "encode_and_send", "copy"), own.transaction():
                for batch in batches:
                    send(own, model.schema.table(batch.table), batch.rows)
    for item in model.ddl:
        if item.section is Section.POST_DATA:
            with _counted(own, spent, "", _KINDS.get(item.kind, "other")):
                own.execute(item.statement.encode())
    with _counted(own, spent, "", "vacuum"):
        own.execute("VACUUM (ANALYZE)")
    return spent


@contextmanager
def _counted(
    own: psycopg.Connection, spent: dict[str, float], ours: str, servers: str
) -> Iterator[None]:
    """Adds processor seconds of this process and of the session's one under their names."""
    before = time.process_time(), _processor(own.info.backend_pid)
    yield
    after = time.process_time(), _processor(own.info.backend_pid)
    for name, start, end in zip((ours, servers), before, after, strict=True):
        if name:
            spent[name] = spent.get(name, 0.0) + end - start


def _processor(process: int) -> float:
    """User and system time, the 14th and 15th fields of stat(5)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main(sys.argv[1:])
