"""Whether a model may be written to a file, told before any work is done for it."""

import os
from pathlib import Path

_STARTS = frozenset({b"PK", b""})
"""How a model starts, and an empty file, which holds nothing that could be lost."""


def why_not_written(path: Path) -> str | None:
    """Why a model cannot or may not be written to a path; None where nothing stands against it."""
    folder = path.absolute().parent
    if not folder.is_dir():
        return f"found no folder {folder}; create it, or name another file"
    if path.is_dir():
        return f"{path} is a folder; expected the name of a file"
    if path.exists() and not (path.is_file() and _starts_like_a_model(path)):
        return f"{path} is there and holds no model; remove it, or name another"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} may not be written to; name another one"
    return None


def _starts_like_a_model(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in _STARTS
