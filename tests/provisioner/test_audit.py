"""What a file holds is counted anew in the source, and nothing gets into it by another way."""

import ast
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.engines import open_source
from generators import archive as archives
from generators.archive import write_archive
from generators.found import found_states
from generators.model import DatabaseModel
from generators.privacy import audit as counting
from generators.privacy.support import Released
from generators.states import table_states
from provisioner import auditing
from provisioner.auditing import audited
from provisioner.cli import main
from provisioner.learn import learn
from provisioner.learning import Learning

ROOT = Path(__file__).parents[2]
LIBRARY = """
CREATE TABLE readers (id serial PRIMARY KEY, town text NOT NULL, region text NOT NULL,
    age int NOT NULL, tags text[] NOT NULL);
INSERT INTO readers (town, region, age, tags)
    SELECT CASE WHEN n <= 5 THEN 'Tiny' ELSE (ARRAY['Rome', 'Oslo', 'Bern', 'Lyon'])[1 + n % 4] END,
        CASE WHEN n <= 5 THEN 'nowhere'
            ELSE (ARRAY['south', 'north', 'middle', 'west'])[1 + n % 4] END,
        CASE WHEN n <= 5 THEN 200 + n ELSE 20 + n % 50 END,
        ARRAY[(ARRAY['poems', 'plays'])[1 + n % 2], (ARRAY['maps', 'atlas', 'news'])[1 + n % 3]]
    FROM generate_series(1, 800) n;
ANALYZE;
"""


@pytest.fixture(scope="module")
def library(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url) as connection:
        connection.execute(LIBRARY)
    return url


def learned(url: str, k: int) -> DatabaseModel:
    with open_source(url) as source:
        return learn(source, Learning(k=k))


def recounts(url: str, model: DatabaseModel, file: Path) -> tuple[counting.Recount, ...]:
    write_archive(model, file)
    with open_source(url) as source:
        return audited(source, file, Learning(k=model.k))


def test_all_that_a_file_holds_is_held_by_k_units(library: str, tmp_path: Path) -> None:
    found = recounts(library, learned(library, 11), tmp_path / "m.model")
    assert {one.kind for one in found} >= {"code", "literal", "rule entry"}
    assert not [one for one in found if one.below]
    assert all(one.fewest is not None and one.fewest >= 11 for one in found)


def test_what_fewer_than_k_units_hold_is_found_of_every_kind(library: str, tmp_path: Path) -> None:
    """The file says k = 11, and was learned with k = 1."""
    model = replace(learned(library, 1), k=11)
    found = recounts(library, model, tmp_path / "m.model")
    assert {one.kind for one in found if one.below} >= {"code", "literal", "rule entry"}
    [towns] = [o for o in found if o.place == "public.readers.town" and o.kind == "literal"]
    assert towns.below == 1
    assert towns.fewest is not None
    assert towns.fewest <= 5


def test_learn_audit_prints_the_counts_and_exits_by_them(
    library: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ["learn", "--source", library, "-o", str(tmp_path / "m.model"), "--audit"]
    assert main([*options, "--no-attacks"]) == 0
    assert "counted anew, none below 11 units" in capsys.readouterr().out
    leak = counting.Recount("public.readers.town", "literal", 5, 4, 0, 1)
    monkeypatch.setattr(auditing, "audited", lambda *_: (leak,))
    assert main([*options, "--no-attacks", "--output", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["audit"][0]["below"] == 1


def trees() -> dict[str, ast.Module]:
    paths = [p for package in ("connectors", "generators") for p in (ROOT / package).rglob("*.py")]
    return {p.relative_to(ROOT).as_posix(): ast.parse(p.read_text("utf-8")) for p in paths}


def test_only_support_makes_released_values_and_holds_their_seal() -> None:
    places = set()
    for place, tree in trees().items():
        for node in ast.walk(tree):
            makes = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Released"
            names = isinstance(node, ast.Name | ast.alias) and "_SEAL" in (
                getattr(node, "id", ""),
                getattr(node, "name", ""),
            )
            if makes or names:
                places.add(place)
    assert places == {"generators/privacy/support.py"}


def test_the_archive_writes_no_value_that_was_not_released(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value in turn takes the place of the released one, and is refused by its path."""
    model = learned(library, 11)
    states = list(chain(table_states(model), found_states(model.invariants)))
    assert len(states) > 20
    for number, (path, released) in enumerate(states):
        bare: list[tuple[str, Any]] = [*states]
        bare[number] = (path, released.value)
        monkeypatch.setattr(archives, "table_states", lambda _, bare=bare: iter(bare))
        monkeypatch.setattr(archives, "found_states", lambda _: iter(()))
        with pytest.raises(TypeError, match="not released"):
            write_archive(model, tmp_path / "m.model")
    assert not (tmp_path / "m.model").exists()


def test_the_archive_holds_what_was_declared_and_what_was_released_and_nothing_else(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: set[int] = set()
    keep: list[object] = []
    plain = Released.__init__

    def noted(self: Released[Any], value: Any, seal: object) -> None:
        plain(self, value, seal)
        sealed.add(id(self))
        keep.append(self)

    written: dict[str, Released[Any]] = {}
    parted = vars(archives)["_parted"]

    def seen(states: Iterator[tuple[str, Released[Any]]]) -> Any:
        written.update(states)
        return parted(iter(written.items()))

    monkeypatch.setattr(Released, "__init__", noted)
    monkeypatch.setattr(archives, "_parted", seen)
    write_archive(learned(library, 11), tmp_path / "m.model")
    assert len(written) > 20
    assert all(id(released) in sealed for released in written.values())
    header, arrays = archives_of(tmp_path / "m.model")
    assert header.keys() == {"identity", "k", "as_of", "ledger", "values"}
    assert header["values"].keys() | arrays == written.keys()


def archives_of(file: Path) -> tuple[dict[str, Any], set[str]]:
    """The model's JSON, and the names of its arrays."""
    import zipfile

    from safetensors import numpy as tensors

    with zipfile.ZipFile(file) as opened:
        header: dict[str, Any] = json.loads(opened.read("model.json"))
        return header, set(tensors.load(opened.read("tensors.safetensors")))
