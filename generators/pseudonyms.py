"""Names of invented people for the names of real ones, alike wherever a name stands."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from connectors.datatypes import DataType
from generators import identities
from generators.ciphers import Cipher
from generators.feistel import Words

Namer = Callable[[Words], pa.Array]


def first_names(names: Sequence[str], cipher: Cipher) -> list[str]:
    """A given name for each, in the same letter case."""
    return _named(names, cipher, "first name", identities.first_name)


def last_names(names: Sequence[str], cipher: Cipher) -> list[str]:
    """A family name for each, in the same letter case."""
    return _named(names, cipher, "last name", identities.last_name)


def companies(names: Sequence[str], cipher: Cipher) -> list[str]:
    """A company for each, in the same letter case."""
    return _named(names, cipher, "company", identities.company_name)


def streets(names: Sequence[str], cipher: Cipher) -> list[str]:
    """A street for each, in the same letter case."""
    return _named(names, cipher, "street", identities.street_name)


def full_name(name: str, cipher: Cipher) -> str:
    """Each part of a name as in the columns that hold it alone; "Last, First" keeps its order."""
    if ", " in name:
        last, first = name.split(", ", 1)
        return f"{_last(last, cipher)}, {' '.join(first_names(first.split(), cipher))}"
    *first_parts, last = name.split() or [name]
    return " ".join([*first_names(first_parts, cipher), _last(last, cipher)])


def cut_to(texts: Sequence[str], datatype: DataType) -> pa.Array:
    """Texts that fit the column's width."""
    return pa.array([text[: datatype.length].rstrip() for text in texts], pa.string())


def _last(name: str, cipher: Cipher) -> str:
    return last_names([name], cipher)[0]


def _named(names: Sequence[str], cipher: Cipher, purpose: str, namer: Namer) -> list[str]:
    words = [cipher.word(purpose, " ".join(name.casefold().split())) for name in names]
    found = namer(np.array(words, np.uint64)).to_pylist() if words else []
    return [
        _styled(new, old) if old.strip() else old for new, old in zip(found, names, strict=True)
    ]


def _styled(new: str, old: str) -> str:
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new.lower() if old.islower() else new
