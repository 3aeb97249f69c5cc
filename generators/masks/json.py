"""JSON: its texts scrambled, its addresses of e-mail invented; its form, keys and numbers stay."""

import json
import re
from typing import Any, ClassVar

import pyarrow as pa

from connectors.datatypes import DataType, Kind
from generators.ciphers import Cipher
from generators.masks import Mask, Masking
from generators.scrambling import scrambled

_DEEPEST = 200
_WORD = re.compile(r"[A-Za-z_][A-Za-z_-]*[0-9]?")


class Json:
    """Texts that enough units share as a whole document stay; all others do not."""

    kind: ClassVar[str] = "json"
    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """JSON."""
        return datatype.kind is Kind.JSON

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """A document of the same form for each."""
        spared = set(masking.spared.to_pylist())
        found = (v if v in spared else _document(v, masking.cipher) for v in values.to_pylist())
        return pa.array(list(found), pa.string())


def _document(text: str, cipher: Cipher) -> str:
    """The document as JSON; numbers keep all their digits."""
    try:
        value = json.loads(text, parse_float=_Number, parse_int=_Number)
    except (ValueError, RecursionError):  # too deep, or no JSON as Python reads it
        return "null"
    return _written(value, cipher, 0)


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _written(value: Any, cipher: Cipher, depth: int) -> str:
    if depth > _DEEPEST:
        return "null"
    match value:
        case _Number():
            return str(value)
        case str():
            return json.dumps(_text(value, cipher))
        case dict():
            pairs = (
                f"{json.dumps(_key(key, cipher))}: {_written(below, cipher, depth + 1)}"
                for key, below in value.items()
            )
            return f"{{{', '.join(pairs)}}}"
        case list():
            return f"[{', '.join(_written(below, cipher, depth + 1) for below in value)}]"
        case _:
            return json.dumps(value)


def _key(key: str, cipher: Cipher) -> str:
    """A key that is a word stays; any other may be somebody's number or address."""
    return key if _WORD.fullmatch(key) else _text(key, cipher)


def _text(value: str, cipher: Cipher) -> str:
    local, at, domain = value.rpartition("@")
    if at and "." in domain:
        return f"{scrambled(local, cipher)}@example.com"
    return scrambled(value, cipher)


mask: type[Mask] = Json
