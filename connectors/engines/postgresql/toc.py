"""The table of contents of pg_dump's custom archive format, read from its bytes."""

import re
from dataclasses import dataclass

from connectors.errors import BrokenDump

_MAGIC = b"PGDMP"
_CUSTOM = 1
_COMPRESSION_BYTE = (1, 15)
_RELKIND = (1, 16)
_READABLE = {(1, 14): "PostgreSQL 12 to 15", (1, 15): "16", (1, 16): "17 and 18"}
_TIME_FIELDS = 7
_WIDTHS = range(1, 17)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as pg_dump wrote it.

    Attributes:
        number: pg_dump's own number, by which other entries name it; not in running order.
        tag: the object's name.
        kind: pg_dump's word for the object's kind.
        section: 1 for none of its own, 2 for before the rows, 3 for rows, 4 for after them.
        statement: the SQL that creates the object.
        schema: the schema it stands in; empty for none.
        depends_on: numbers of the entries that must be restored first.
    """

    number: int
    tag: str
    kind: str
    section: int
    statement: str
    schema: str
    depends_on: tuple[int, ...]


def entries(archive: bytes) -> tuple[Entry, ...]:
    """The entries of an archive without data, in the order in which pg_restore runs them.

    The layout is that of `pg_backup_archiver.c` in PostgreSQL's sources: a header, a count, and
    that many entries; an integer is a sign byte and little-endian bytes, a string its length
    (-1 for null) and UTF-8.

    Raises:
        BrokenDump: the bytes end too early or too late, or are of another format or version.
    """
    reader = _Reader(archive)
    _header(reader)
    count = reader.integer()
    found = tuple(_entry(reader) for _ in range(count))
    if reader.position != len(archive):
        raise BrokenDump(
            f"the dump has {len(archive) - reader.position} bytes after its {count} entries; "
            "expected none in a dump without rows: run pg_dump with --schema-only"
        )
    return found


class _Reader:
    """A position in the bytes that only moves forward."""

    __slots__ = ("_archive", "integer_width", "offset_width", "position", "version")

    def __init__(self, archive: bytes) -> None:
        self._archive = archive
        self.position = 0
        self.version = (0, 0)
        self.integer_width = 4
        self.offset_width = 8

    def raw(self, count: int) -> bytes:
        taken = self._archive[self.position : self.position + count]
        if len(taken) < count:
            raise BrokenDump(
                f"the dump ends after {len(self._archive)} bytes, where byte "
                f"{self.position + count} was expected; was pg_dump interrupted?"
            )
        self.position += count
        return taken

    def byte(self) -> int:
        return self.raw(1)[0]

    def integer(self) -> int:
        sign = self.byte()
        size = int.from_bytes(self.raw(self.integer_width), "little")
        if sign > 1:
            raise BrokenDump(
                f"the dump has the sign byte {sign} before byte {self.position}; expected 0 or 1"
            )
        return -size if sign else size

    def text(self) -> str | None:
        length = self.integer()
        if length < 0:
            return None
        try:
            return self.raw(length).decode()
        except UnicodeDecodeError:
            raise BrokenDump(
                f"the dump has text that is not UTF-8 before byte {self.position}; the source's "
                "encoding may be SQL_ASCII with mixed contents: rename the objects concerned"
            ) from None


def _header(reader: _Reader) -> None:
    magic = reader.raw(len(_MAGIC))
    if magic != _MAGIC:
        raise BrokenDump(f"the dump begins with {magic!r}; expected {_MAGIC!r}, a custom archive")
    reader.version = (reader.byte(), reader.byte())
    reader.byte()  # the revision, which changes no layout
    _check_version(reader.version)
    reader.integer_width, reader.offset_width = reader.byte(), reader.byte()
    _check_layout(reader)
    reader.byte() if reader.version >= _COMPRESSION_BYTE else reader.integer()
    for _ in range(_TIME_FIELDS):
        reader.integer()
    for _ in ("database", "server version", "pg_dump version"):
        reader.text()


def _check_version(version: tuple[int, int]) -> None:
    if version not in _READABLE:
        known = ", ".join(f"{a}.{b} ({names})" for (a, b), names in _READABLE.items())
        raise BrokenDump(
            f"the dump has archive version {version[0]}.{version[1]}; readable are {known}: use "
            "the pg_dump of one of these versions of PostgreSQL"
        )


def _check_layout(reader: _Reader) -> None:
    form = reader.byte()
    widths = reader.integer_width, reader.offset_width
    if form != _CUSTOM or not all(width in _WIDTHS for width in widths):
        raise BrokenDump(
            f"the dump has format {form} with integers of {widths[0]} and offsets of {widths[1]} "
            f"bytes; expected format {_CUSTOM}, which pg_dump -Fc writes"
        )


def _entry(reader: _Reader) -> Entry:
    number, _has_data = reader.integer(), reader.integer()
    _catalog, _oid, tag, kind = (reader.text() for _ in range(4))
    section = reader.integer()
    statement, _drop, _copy, schema = (reader.text() for _ in range(4))
    _tablespace, _access_method = reader.text(), reader.text()
    if reader.version >= _RELKIND:
        reader.integer()
    _owner, _with_oids = reader.text(), reader.text()
    depends_on = _dependencies(reader)
    reader.raw(1 + reader.offset_width)  # where its rows begin, in an archive that has some
    return Entry(number, tag or "", kind or "", section, statement or "", schema or "", depends_on)


def _dependencies(reader: _Reader) -> tuple[int, ...]:
    found: list[int] = []
    while (text := reader.text()) is not None:
        if re.fullmatch(r"[0-9]{1,10}", text) is None:
            raise BrokenDump(
                f"the dump has a dependency that is no number before byte {reader.position}; "
                "expected the number of an entry"
            )
        found.append(int(text))
    return tuple(found)
