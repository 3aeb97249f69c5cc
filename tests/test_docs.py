"""The pages of `docs` build without a warning, and whatever they show is run here."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

import provisioner
from connectors.embedded import binaries
from provisioner.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
RUN = sorted(page for page in PAGES if page.startswith("how-to/"))
ELSEWHERE = {"tutorial.md": "tests/provisioner/test_demo.py", "index.md": "the fixture `shop`"}
"""Pages whose commands are run by another test."""
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Block:
    """A block of a page: a file where it has a title, else what is typed or run."""

    language: str
    title: str
    text: str


def blocks(page: str) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall((DOCS / page).read_text("utf-8"))]


def lines(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


@dataclass(frozen=True)
class Shop:
    """The shop of the pages, and a folder with what was learned of it."""

    url: str
    folder: Path


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Learned once, for all pages that speak of a file that is there."""
    url, folder = lasting_database(), tmp_path_factory.mktemp("shop")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((DOCS / "shop.sql").read_bytes())
    assert main(["learn", "--source", url, "-o", str(folder / "shop.model")]) == 0
    return Shop(url, folder)


@pytest.fixture
def place(
    shop: Shop, new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Makes a folder to type a page's commands in, with the databases that they name."""

    def made(page: str) -> Path:
        shutil.copy(shop.folder / "shop.model", tmp_path)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SOURCE", shop.url)
        monkeypatch.setenv("PATH", os.pathsep.join(map(str, (BIN, binaries(), os.environ["PATH"]))))
        for name in {"TARGET", "SECOND", "MIGRATED"} & set(re.findall(r"\w+", page)):
            monkeypatch.setenv(name, new_database())
        if "MIGRATED" in page:
            _migrate(os.environ["MIGRATED"])
        return tmp_path

    return made


def _migrate(target: str) -> None:
    """Gives a database the tables of the shop, and countries of its own."""
    script = (DOCS / "shop.sql").read_text().partition("insert into customers")[0]
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(script.encode())


@pytest.mark.parametrize("page", RUN)
def test_what_a_page_shows_runs_in_its_order(page: str, place: Callable[[str], Path]) -> None:
    folder = place((DOCS / page).read_text("utf-8"))
    for block in blocks(page):
        if block.title:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        elif block.language == "sh":
            for line in lines(block.text):
                _type(line)
        elif block.language == "python":
            exec(block.text, {"__name__": page})  # noqa: S102 - the page's own words


def _type(line: str) -> None:
    """Runs a line; one of our own in this process, which spares the second that a start takes."""
    if line.startswith("provisioner "):
        assert main(shlex.split(os.path.expandvars(line))[1:]) == 0, line
        return
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert done.returncode == 0, (line, done.stderr.decode()[-2000:])


def test_the_steps_of_the_workflow_are_those_of_its_page() -> None:
    page = blocks("how-to/ci.md")
    [workflow] = [yaml.safe_load(b.text) for b in page if b.title.startswith(".github")]
    steps = [s["run"] for s in workflow["jobs"]["database"]["steps"] if "run" in s]
    typed = [line for b in page if b.language == "sh" for line in lines(b.text)]
    ours = [step for step in steps if step.startswith("provisioner ")]
    assert len(ours) == 2
    assert all(any(line.startswith(step) for line in typed) for step in ours)


def test_no_page_shows_what_no_test_runs() -> None:
    shown = {page for page in PAGES if any(b.language in {"sh", "python"} for b in blocks(page))}
    assert shown <= {*RUN, *ELSEWHERE}
    assert {b.language for page in PAGES for b in blocks(page)} <= {
        *("sh", "python", "yaml", "sql", "csv", "text")
    }


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr.decode()[-2000:]
    reference = (tmp_path / "site" / "reference" / "python.html").read_text("utf-8")
    assert all(name in reference for name in dir(provisioner) if name.endswith("_database"))
    assert "<!-- " not in re.sub(r"<(script|style).*?</\1>", "", reference, flags=re.DOTALL)


@pytest.fixture(scope="module")
def hooks() -> Any:
    """What fills the pages that are made from the code."""
    spec = spec_from_file_location("hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_option_and_key_has_a_meaning_in_the_reference(hooks: Any) -> None:
    made = hooks.command_pages() + hooks.configuration_pages()
    rows = [line for line in made.splitlines() if line.startswith("| `")]
    assert len(rows) > 120
    assert not [row for row in rows if row.endswith("|  |")]


def test_every_section_of_a_configuration_is_in_the_reference(hooks: Any) -> None:
    from provisioner import config, sections

    said = {
        one
        for module in (config, sections)
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__
        if one.__name__.endswith(("Section", "Config", "Key")) and not one.__name__.startswith("_")
    }
    assert said - {sections.PrivacySection} == set(hooks.SECTIONS.values())
