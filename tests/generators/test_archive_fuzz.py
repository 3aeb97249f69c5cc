"""A file that was tampered with ends in the typed error, in bounded memory, and writes nothing."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generators.archive import read_archive, write_archive
from generators.errors import GeneratorError
from generators.fit import fit_database
from generators.model import DatabaseModel
from generators.privacy.support import Support
from tests.generators.test_archive import source

MUTATIONS = 10_000 if os.environ.get("PROVISIONER_SOAK") else 200
Members = dict[str, bytes]
Rng = np.random.Generator
VALUES = (None, -1, 2**70, 1e308, "", "../../etc/passwd", [], {}, [[]] * 9, True, "0" * 5_000)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    *_, model = fit_database(source(), Support())
    assert isinstance(model, DatabaseModel)
    path = tmp_path_factory.mktemp("fuzz") / "shop.model"
    write_archive(model, path)
    return path


def members(archive: Path) -> Members:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def sealed(held: Members) -> bytes:
    """A zip whose checksums fit what it holds, so that nothing stops at them."""
    manifest = json.loads(held["manifest.json"])
    manifest["members"] = {
        name: hashlib.sha256(data).hexdigest()
        for name, data in held.items()
        if name != "manifest.json"
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in {**held, "manifest.json": json.dumps(manifest).encode()}.items():
            new.writestr(name, content)
    return data.getvalue()


def with_other_bytes(held: Members, rng: Rng) -> bytes:
    """The zip itself, with some bytes changed or its end cut off."""
    data = bytearray(sealed(held))
    for at in rng.integers(len(data), size=rng.integers(1, 20)):
        data[at] = rng.integers(256)
    return bytes(data[: rng.integers(len(data))] if rng.random() < 0.3 else data)


def with_another_member(held: Members, rng: Rng) -> bytes:
    """One member with changed bytes behind a checksum that fits: tensors, schema, statements."""
    name = str(rng.choice(sorted(set(held) - {"manifest.json"})))
    data = bytearray(held[name])
    for at in rng.integers(len(data), size=rng.integers(1, 20)):
        data[at] = rng.integers(256)
    return sealed({**held, name: bytes(data)})


def with_another_value(held: Members, rng: Rng) -> bytes:
    """One value somewhere in the JSON replaced by one of another type or size, or left out."""
    name = str(rng.choice(["model.json", "schema.json", "ddl.json"]))
    tree = json.loads(held[name])
    place, part = None, tree
    while isinstance(part, dict | list) and part and (place is None or rng.random() < 0.9):
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        place = part, keys[int(rng.integers(len(keys)))]
        part = part[place[1]]
    if place is not None:
        place[0][place[1]] = VALUES[int(rng.integers(len(VALUES)))]
    return sealed({**held, name: json.dumps(tree).encode()})


def with_a_stray_path(held: Members, rng: Rng) -> bytes:
    """A member that names a place outside."""
    name = str(rng.choice(["../outside", "/outside", "a/../../outside", "C:\\outside"]))
    return sealed({**held, name: rng.bytes(20)})


HOW = (with_other_bytes, with_another_member, with_another_value, with_a_stray_path)


@pytest.mark.parametrize("change", HOW)
def test_a_changed_file_is_read_or_refused_in_our_words_and_leaves_no_other_file(
    change: Callable[[Members, Rng], bytes], archive: Path, tmp_path: Path
) -> None:
    held, path = members(archive), tmp_path / "changed.model"
    refused = 0
    for seed in range(MUTATIONS // len(HOW)):
        path.write_bytes(change(held, np.random.default_rng(seed)))
        try:
            read_archive(path)
        except GeneratorError:
            refused += 1
    assert refused > 0 or change is with_a_stray_path
    assert [found.name for found in tmp_path.iterdir()] == ["changed.model"]
    assert not (tmp_path.parent / "outside").exists()


def test_a_member_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = members(archive)
    monkeypatch.setattr("generators.archive._MOST_BYTES", sum(map(len, held.values())) + 1_000)
    path = tmp_path / "bomb.model"
    path.write_bytes(sealed({**held, "more.bin": bytes(100_000)}))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(GeneratorError, match="unpacks to more"):
        read_archive(path)
