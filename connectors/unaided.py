"""Keeps pyarrow from loading pandas, which it looks for with the first list that it is given."""

import sys
from importlib.abc import MetaPathFinder

import pyarrow as pa


class _Nowhere(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """See `MetaPathFinder`."""
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


def without_pandas() -> None:
    """Has pyarrow find no pandas in this process, which saves a third of a second.

    Only for a process that has no use for it: series would become lists of their values.
    """
    nowhere = _Nowhere()
    sys.meta_path.insert(0, nowhere)
    try:
        pa.array([None])
    finally:
        sys.meta_path.remove(nowhere)
