"""Writes results to files, and tells beforehand where that may not be done."""

import os
from enum import Enum
from pathlib import Path

from generators.written import replacing


class Kept(Enum):
    """What a file may hold that a new result takes the place of, by its first two bytes."""

    MODEL = b"PK"
    PAGE = b"<!"


def why_not_written(path: Path, kept: Kept = Kept.MODEL) -> str | None:
    """Why a result cannot or may not be written to a path; None where nothing stands against it."""
    folder, what = path.absolute().parent, kept.name.lower()
    if not folder.is_dir():
        return f"found no folder {folder}; create it, or name another file"
    if path.is_dir():
        return f"{path} is a folder; expected the name of a file"
    if path.exists() and not (path.is_file() and _starts(path) in {kept.value, b""}):
        return f"{path} is there and holds no {what}; remove it, or name another"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} may not be written to; name another one"
    return None


def write(path: Path, text: str) -> None:
    """Writes a text to a file, or leaves what was there; no reader sees half of it."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _starts(path: Path) -> bytes:
    """The first two bytes; an empty file has none, and holds nothing that could be lost."""
    with path.open("rb") as file:
        return file.read(2)
