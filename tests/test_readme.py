"""Whatever the README shows is run here."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.airline.build import build_airline

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]


def test_the_commands_of_the_readme_run_in_their_order(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = new_database(), new_database()
    build_airline(source, passengers=300, flights=1_000)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "SOURCE": source, "TARGET": target, "PATH": path}
    commands = [line for line in LINES if line.startswith("provisioner ")]
    assert [c.split()[1] for c in commands] == [
        "describe",
        "learn",
        "show",
        "plan",
        "provision",
        "verify",
    ]
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr.decode()[-2000:])


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("make ")])
def test_what_the_readme_makes_is_a_target_of_the_makefile(line: str) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line.split()[1] in targets


def test_every_benchmark_that_the_readme_names_is_there() -> None:
    named = re.findall(r"python -m benchmarks\.(\w+)", README)
    assert named
    assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in named)


def test_every_command_is_in_the_readmes_table() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "provisioner"), "--help"],
        capture_output=True,
        check=True,
    )
    offered = re.findall(r"^  (\w+)  +\S", done.stdout.decode().split("Commands:")[1], re.MULTILINE)
    assert offered
    assert all(f"| `{name}` |" in README for name in offered)
