"""Files that are written whole or not at all, and that nobody else may read meanwhile."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty private file beside a path that takes its place only when all went well.

    Its name is known before it is made: an interrupt between the two leaves nothing behind.
    """
    temporary = path.absolute().parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
