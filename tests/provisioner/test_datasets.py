"""Databases that others made are learned, provisioned and verified, where they are at hand."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.embedded import binaries
from connectors.engines import open_source, open_target
from generators.archive import fingerprint, read_archive, write_archive
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.report import Severity
from provisioner.request import Request
from provisioner.verify import verify

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"
NAMES = ("pagila", "chinook", "northwind", "employees")
DUMPS = [path for name in NAMES if (path := DATA / name / f"{name}.sql.zst").is_file()]


def restored(dump: Path, url: str) -> None:
    with pa.input_stream(dump, compression="zstd") as stream:
        script = stream.read()
    psql = [
        str(binaries() / "psql"),
        "--quiet",
        "--no-psqlrc",
        "--set=ON_ERROR_STOP=1",
        "--dbname",
        url,
    ]
    subprocess.run(psql, input=script, check=True, stdout=subprocess.DEVNULL)


if DUMPS:  # without the folder the test does not exist, rather than be skipped

    @pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.parent.name)
    def test_a_real_database_is_provisioned_and_passes(
        dump: Path, new_database: Callable[[], str], tmp_path: Path
    ) -> None:
        source_url, target_url = new_database(), new_database()
        restored(dump, source_url)
        path = tmp_path / "a.model"
        with open_source(source_url) as source:
            write_archive(learn(source, Learning()), path)
            counts = {t.name: source.rows(t) for t in source.schema().tables}
        model = read_archive(path)
        planned = plan(model, fingerprint(path), Request(seed=5))
        assert not [f for f in planned.findings if f.severity is Severity.ERROR]
        with open_target(target_url) as target:
            load(model, planned, target)
            report = verify(model, target)
        assert report.passed, report.findings
        assert {t.table: t.rows for t in report.tables} == {str(n): c for n, c in counts.items()}
        assert sum(t.orphans + t.duplicates + t.violations + t.leaks for t in report.tables) == 0
        assert report.marginal is not None
        assert report.marginal > 0.85
