"""A model survives its file, and a damaged file is told as what it is."""

import hashlib
import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind
from connectors.ddl import DdlItem, Section
from connectors.profile import (
    ColumnProfile,
    ForeignKeyProfile,
    Profile,
    TableProfile,
    UnitPath,
)
from connectors.schema import Column, ForeignKey, Schema, Table, TableName, Unique
from generators.archive import FORMAT, WITHOUT_ROWS, fingerprint, read_archive, write_archive
from generators.errors import (
    BrokenArchive,
    GeneratorError,
    NewerArchive,
    NotAnArchive,
    OlderArchive,
)
from generators.facts import Reading, Training
from generators.fit import fit_database
from generators.model import DatabaseModel
from generators.privacy.support import Support
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

INTEGER = DataType(Kind.INTEGER, "integer", bits=32)
PERSON, SALE = TableName("public", "person"), TableName("public", "sale")
KEY = ForeignKey("sale_person", SALE, ("person_id",), PERSON, ("id",))
SCHEMA = Schema(
    (
        Table(
            PERSON,
            (
                Column("id", INTEGER, nullable=False),
                Column("email", DataType(Kind.TEXT, "text"), nullable=False),
                Column("colour", DataType(Kind.TEXT, "text")),
            ),
            (Unique("person_pk", ("id",), primary=True),),
        ),
        Table(
            SALE,
            (
                Column("person_id", INTEGER, nullable=False),
                Column("price", DataType(Kind.DECIMAL, "numeric(8,2)", precision=8, scale=2)),
                Column("day", DataType(Kind.DATE, "date")),
            ),
            (),
            (KEY,),
        ),
    )
)


def source() -> Reading:
    """300 people with two sales each."""
    rng = np.random.default_rng(4)
    people, sales = np.arange(300, dtype=np.int64), np.repeat(np.arange(300, dtype=np.int64), 2)
    person = pa.table(
        {
            "id": pa.array(people, pa.int32()),
            "email": pa.array([f"p{n}@mail.invalid" for n in people]),
            "colour": pa.array([("red", "blue", None)[n % 3] for n in people]),
        }
    )
    prices = [Decimal(int(cents)) / 100 for cents in rng.integers(100, 90_000, 600)]
    sale = pa.table(
        {
            "person_id": pa.array(sales, pa.int32()),
            "price": pa.array(prices, pa.decimal128(8, 2)),
            "day": pa.array(rng.integers(19_000, 19_700, 600).astype(np.int32)).cast(pa.date32()),
        }
    )
    tables = {
        PERSON: TableProfile(
            300,
            300,
            {
                "id": ColumnProfile(0.0),
                "email": ColumnProfile(0.0),
                "colour": ColumnProfile(1 / 3),
            },
        ),
        SALE: TableProfile(
            600, 600, {n: ColumnProfile(0.0) for n in ("person_id", "price", "day")}
        ),
    }
    keys = {(SALE, "sale_person"): ForeignKeyProfile(300, 300, 600, 2)}
    item = DdlItem(1, Section.PRE_DATA, "TABLE", "public", "person", "CREATE TABLE person ();")
    return Reading(
        SCHEMA,
        (item,),
        "identity",
        Profile(tables, keys),
        {PERSON: UnitPath(PERSON), SALE: UnitPath(PERSON, (KEY,))},
        {PERSON: Training(person, people), SALE: Training(sale, sales)},
    )


@pytest.fixture(scope="module")
def model() -> DatabaseModel:
    *_, last = fit_database(source(), Support())
    assert isinstance(last, DatabaseModel)
    return last


@pytest.fixture(scope="module")
def archive(model: DatabaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "shop.model"
    write_archive(model, path)
    return path


def rows(model: DatabaseModel) -> dict[TableName, pa.RecordBatch]:
    planned = plan(model, "fingerprint", Request(scale=2.0, seed=9))
    synthesizer = Synthesizer(model, planned)
    marks = [(t, s) for t, tree in enumerate(planned.trees) for s in range(tree.shards)]
    return {b.table: b.rows for t, s in marks for b in synthesizer.shard(t, s)}


def rewritten(archive: Path, folder: Path, **members: bytes) -> Path:
    """A copy of an archive with some members replaced, the checksums left as they were."""
    path = folder / "changed.model"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.get(name.partition(".")[0], old.read(name)))
    return path


def test_a_restored_model_draws_identical_rows(model: DatabaseModel, archive: Path) -> None:
    before, after = rows(model), rows(read_archive(archive))
    assert before.keys() == after.keys() == {PERSON, SALE}
    for name, batch in before.items():
        assert batch.num_rows == {PERSON: 600, SALE: 1200}[name]
        assert batch.equals(after[name])


def test_a_restored_model_has_the_same_words(model: DatabaseModel, archive: Path) -> None:
    restored = read_archive(archive)
    assert restored.schema == model.schema
    assert restored.ddl == model.ddl
    assert (restored.identity, restored.k) == (model.identity, model.k)


def test_writing_a_restored_model_gives_the_same_members(archive: Path, tmp_path: Path) -> None:
    write_archive(read_archive(archive), tmp_path / "again.model")
    assert fingerprint(tmp_path / "again.model") == fingerprint(archive)


def test_only_the_owner_may_read_the_file(archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_an_archive_holds_no_pickle(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        assert {Path(name).suffix for name in opened.namelist()} == {".json", ".safetensors"}


def test_no_value_of_a_row_is_in_the_members(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        content = b"".join(opened.read(name) for name in opened.namelist())
    assert b"mail.invalid" not in content
    assert b"red" in content


class Leaky:
    """A count that was never released."""

    value = 300


def unreleased(model: DatabaseModel) -> DatabaseModel:
    spoilt: Any = model.tables[PERSON]
    parts = {name: getattr(spoilt, name) for name in spoilt.__slots__} | {"rows": Leaky()}
    tables = {**model.tables, PERSON: type(spoilt)(**parts)}
    return DatabaseModel(model.schema, model.ddl, tables, model.identity, model.k)


def test_what_was_not_released_is_not_written_and_the_old_file_stays(
    model: DatabaseModel, tmp_path: Path
) -> None:
    path = tmp_path / "kept.model"
    path.write_bytes(b"what was there")
    with pytest.raises(TypeError, match="not released"):
        write_archive(unreleased(model), path)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_midway_leaves_the_old_file(
    model: DatabaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.model"
    path.write_bytes(b"what was there")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="No space"):
        write_archive(model, path)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_broken(archive: Path, tmp_path: Path, share: float) -> None:
    data = archive.read_bytes()
    path = tmp_path / "cut.model"
    path.write_bytes(data[: max(2, int(len(data) * share))])
    for read in (read_archive, fingerprint):
        with pytest.raises(BrokenArchive, match="truncated or damaged"):
            read(path)


def compressed_bytes(archive: Path) -> list[int]:
    """Positions of the members' compressed bytes."""
    with zipfile.ZipFile(archive) as opened:
        return [
            place
            for entry in opened.infolist()
            for start in [entry.header_offset + 30 + len(entry.filename)]
            for place in range(start, start + entry.compress_size)
        ]


def assert_noticed_where_it_matters(archive: Path, content: bytearray) -> None:
    """Bits that only say how a stream is cut may change; what comes out of it may not."""
    path = archive.with_name("changed.model")
    path.write_bytes(content)
    try:
        read_archive(path)
    except (BrokenArchive, NotAnArchive):
        return
    assert fingerprint(path) == fingerprint(archive)


@given(st.data())
def test_a_flipped_bit_of_a_member_is_noticed_where_it_matters(
    archive: Path, data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(compressed_bytes(archive)))
    content = bytearray(archive.read_bytes())
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    assert_noticed_where_it_matters(archive, content)


@given(st.data())
def test_a_changed_byte_anywhere_is_an_error_of_ours_or_does_not_matter(
    archive: Path, data: st.DataObject
) -> None:
    content = bytearray(archive.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert_noticed_where_it_matters(archive, content)


@pytest.mark.parametrize("member", ["schema", "ddl", "model", "tensors"])
def test_a_member_that_was_replaced_is_noticed(archive: Path, tmp_path: Path, member: str) -> None:
    path = rewritten(archive, tmp_path, **{member: b"{}"})
    with pytest.raises(BrokenArchive, match="differs from its checksum"):
        read_archive(path)


def test_a_member_that_is_missing_is_noticed(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "less.model"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w") as new:
        new.writestr("manifest.json", old.read("manifest.json"))
    with pytest.raises(BrokenArchive):
        read_archive(path)


def test_members_that_agree_with_their_checksums_and_make_no_sense_are_broken(
    archive: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(archive) as opened:
        manifest = json.loads(opened.read("manifest.json"))
    manifest["members"]["model.json"] = hashlib.sha256(b'{"values": 3}').hexdigest()
    path = rewritten(
        archive, tmp_path, manifest=json.dumps(manifest).encode(), model=b'{"values": 3}'
    )
    with pytest.raises(BrokenArchive):
        read_archive(path)


@pytest.mark.parametrize("manifest", [b"[]", b"{}", b"nothing", b'{"format": "x"}', b"\xff\xfe"])
def test_a_manifest_of_nonsense_is_broken(archive: Path, tmp_path: Path, manifest: bytes) -> None:
    with pytest.raises(BrokenArchive, match="manifest"):
        read_archive(rewritten(archive, tmp_path, manifest=manifest))


def test_a_newer_format_is_told(archive: Path, tmp_path: Path) -> None:
    manifest = json.dumps({"format": FORMAT + 1, "members": {}}).encode()
    with pytest.raises(NewerArchive, match="upgrade"):
        read_archive(rewritten(archive, tmp_path, manifest=manifest))


def test_an_older_format_is_told(archive: Path, tmp_path: Path) -> None:
    manifest = json.dumps({"format": WITHOUT_ROWS - 1, "members": {}}).encode()
    with pytest.raises(OlderArchive, match="learn the source again"):
        read_archive(rewritten(archive, tmp_path, manifest=manifest))


def test_a_zip_file_of_another_kind_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("cat.txt", "a cat")
    with pytest.raises(NotAnArchive):
        read_archive(path)


@pytest.mark.parametrize("content", [b"", b"P", b"hello", b"\0" * 5000])
def test_any_other_file_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(content)
    with pytest.raises(NotAnArchive):
        read_archive(path)


def test_a_path_with_nothing_there_is_no_archive(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.model", tmp_path):
        with pytest.raises(NotAnArchive, match="found no file"):
            read_archive(path)


MUTATIONS = 10_000 if os.environ.get("PROVISIONER_SOAK") else 200
Members = dict[str, bytes]
Rng = np.random.Generator
VALUES: tuple[object, ...] = (
    None,
    -1,
    2**70,
    1e308,
    "",
    "../../etc/passwd",
    [],
    {},
    [[]] * 9,
    True,
    "0" * 5_000,
)


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
