"""The model archive: a zip of JSON, DDL and safetensors; no pickle, ever.

Members: `manifest.json` (format, product version, SHA-256 of each other member), `schema.json`,
`ddl.json`, `model.json` (structure and small values), `tensors.safetensors` (arrays), and a file
`rows/N.arrow` for each table whose rows travel.
"""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors import numpy as tensors

from connectors.ddl import DdlItem
from connectors.schema import Schema, TableName
from generators.carried import Carried, carried_header, carried_members, restored_carried
from generators.classes import class_states, restored_classes
from generators.errors import BrokenArchive, NewerArchive, NotAnArchive, OlderArchive
from generators.estimates import estimate_states, restored_estimates
from generators.found import found_states, restored_rules
from generators.model import DatabaseModel
from generators.privacy.accountant import Ledger
from generators.privacy.attacked import attacked_states, restored_attacked
from generators.privacy.support import Released
from generators.states import restored_tables, table_states
from generators.traits import restored_traits, trait_states
from generators.written import replacing

FORMAT = 6
WITHOUT_ROWS = 5
"""The format of a file in which no rows travel, and the oldest that this version reads."""
_MEMBERS = ("schema.json", "ddl.json", "model.json", "tensors.safetensors")
_MOST_BYTES = 4 << 30
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, OSError, ValueError, LookupError, RuntimeError, NotImplementedError),
)
"""What zipfile raises over bytes that were changed; RuntimeError where they claim encryption."""
_NONSENSE = (
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
    *(RuntimeError, StopIteration, SafetensorError),
)
"""What members raise that pass their checksums and yet are not ours; pydantic's are ValueErrors."""
_DDL = TypeAdapter(tuple[DdlItem, ...])
_SCHEMA = TypeAdapter(Schema)
_LEDGER: TypeAdapter[Ledger | None] = TypeAdapter(Ledger | None)


def write_archive(model: DatabaseModel, path: Path) -> None:
    """Writes a model to a file that only its owner may read, or leaves what was there.

    Only `Released` values are written; anything else raises TypeError.
    """
    states = (
        table_states(model),
        found_states(model.invariants),
        attacked_states(model.attacked, model.k),
        trait_states(model.traits),
        estimate_states(model.estimates),
        class_states(model.schema, model.classes),
    )
    values, arrays = _parted(chain.from_iterable(states))
    day = None if model.as_of is None else model.as_of.isoformat()
    header = {
        "identity": model.identity,
        "k": model.k,
        "as_of": day,
        "values": values,
        "ledger": _LEDGER.dump_python(model.ledger, mode="json"),
    }
    if model.carried:
        header["carried"] = carried_header(model.schema, model.carried)
    members = {
        "schema.json": _SCHEMA.dump_json(model.schema),
        "ddl.json": _DDL.dump_json(model.ddl),
        "model.json": json.dumps(header, sort_keys=True).encode(),
        "tensors.safetensors": tensors.save(arrays),
        **dict(carried_members(model.schema, _released(model.carried))),
    }
    manifest = {
        "format": FORMAT if model.carried else WITHOUT_ROWS,
        "product": product_version(),
        "attacks": str(model.attacked.verdict),
        "notice": "derived from personal data; see `provisioner show`",
        "members": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in {"manifest.json": json.dumps(manifest).encode(), **members}.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)


def read_archive(path: Path) -> DatabaseModel:
    """Reads a model; nothing in the file is executed.

    Raises:
        NotAnArchive: the file is no zip, or a zip without a manifest of ours.
        BrokenArchive: the file is truncated, or its members do not match their checksums.
        NewerArchive: the format is newer than this version reads.
        OlderArchive: it is older than that.
    """
    members = _members(path)
    try:
        header = json.loads(members["model.json"])
        schema = _SCHEMA.validate_json(members["schema.json"])
        values = dict(_joined(header["values"], tensors.load(members["tensors.safetensors"])))
        return DatabaseModel(
            schema,
            _DDL.validate_json(members["ddl.json"]),
            restored_tables(schema, values),
            str(header["identity"]),
            int(header["k"]),
            _day(header.get("as_of")),
            restored_rules(values),
            restored_carried(schema, header.get("carried", {}), members),
            restored_attacked(values),
            restored_traits(values),
            restored_estimates(values),
            restored_classes(schema, values),
            _LEDGER.validate_python(header.get("ledger")),
        )
    except _NONSENSE as error:
        raise BrokenArchive(
            f"{path.name} holds a member that cannot be read ({type(error).__name__}); "
            "expected an archive written by `provisioner learn`: learn again"
        ) from error


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def fingerprint(path: Path) -> str:
    """SHA-256 of an archive's members, in hexadecimal; the manifest's own words do not count."""
    return hashlib.sha256(json.dumps(_manifest(path)["members"]).encode()).hexdigest()


def product_version() -> str:
    """The installed version of the product."""
    try:
        return version("dbprovisioner")
    except PackageNotFoundError:
        return "0"


def _released(carried: Mapping[TableName, Carried]) -> Mapping[TableName, Carried]:
    for name, one in carried.items():
        if not isinstance(one.rows, Released):
            raise TypeError(f"rows of {name} were not released by generators.privacy.support")
    return carried


def _parted(
    states: Iterator[tuple[str, Released[Any]]],
) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Values as JSON by path, with arrays apart."""
    values: dict[str, Any] = {}
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for path, released in states:
        if not isinstance(released, Released):
            raise TypeError(f"{path} was not released by generators.privacy.support")
        if isinstance(released.value, np.ndarray):
            arrays[path] = np.ascontiguousarray(released.value)
        elif isinstance(released.value, pa.Array):
            values[path] = {"texts": released.value.to_pylist()}
        else:
            values[path] = {"value": released.value}
    return values, arrays


def _joined(values: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, held in values.items():
        yield path, pa.array(held["texts"], pa.string()) if "texts" in held else held["value"]
    yield from arrays.items()


def _members(path: Path) -> dict[str, bytes]:
    manifest = _manifest(path)
    found = {}
    with _opened(path) as archive:
        for name in (*_MEMBERS, *(n for n in manifest["members"] if n.startswith("rows/"))):
            found[name] = archive.read(name)
            if hashlib.sha256(found[name]).hexdigest() != manifest["members"].get(name):
                raise BrokenArchive(
                    f"{path.name}: {name} differs from its checksum; the file was damaged or "
                    "changed: copy it again or learn again"
                )
    return found


def _manifest(path: Path) -> dict[str, Any]:
    with _opened(path) as archive:
        if "manifest.json" not in archive.namelist():
            raise NotAnArchive(f"{path.name} is a zip file, but no model archive")
        if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
            raise BrokenArchive(f"{path.name} unpacks to more than {_MOST_BYTES >> 30} GiB")
        try:
            manifest = json.loads(archive.read("manifest.json"))
            version = int(manifest["format"])
            members = dict(manifest["members"])
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenArchive(f"{path.name} has a manifest that cannot be read") from error
    if version > FORMAT:
        raise NewerArchive(
            f"{path.name} has format {version}, this version reads up to {FORMAT}; "
            "upgrade dbprovisioner"
        )
    if version < WITHOUT_ROWS:
        raise OlderArchive(
            f"{path.name} has format {version}, this version reads {WITHOUT_ROWS} and later; "
            "learn the source again"
        )
    return {**manifest, "members": members}


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file, with what zipfile raises told in our words."""
    if not path.is_file():
        raise NotAnArchive(f"found no file {path.name}; expected a model archive")
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _DAMAGE as error:
        with path.open("rb") as file:
            started = file.read(2) == b"PK"
        if started:
            raise BrokenArchive(
                f"{path.name} is truncated or damaged; copy it again or learn again"
            ) from error
        raise NotAnArchive(
            f"{path.name} is no model archive; expected a file written by `provisioner learn`"
        ) from error
