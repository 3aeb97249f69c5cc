"""A process that has no use for pandas does not load it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
LOADED = """
import sys
import pyarrow as pa
from connectors.unaided import without_pandas
without_pandas()
pa.array(["a"])
print("pandas" in sys.modules)
import pandas
print(pa.table({"a": [1]}).to_pandas()["a"].tolist())
"""


def test_lists_become_arrays_without_pandas_which_is_there_for_whoever_asks() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert run.stdout.split() == ["False", "[1]"]
