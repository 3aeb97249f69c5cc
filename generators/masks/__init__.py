"""The protocol of a mask: what makes pseudonyms of a column's values, one file per kind.

Each file ends in a line such as `mask: type[Mask] = Email`.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import DataType, Kind
from connectors.schema import Column
from generators.ciphers import Cipher

KEEP = "keep"
"""What a configuration says of a column whose values stay as they are."""


@dataclass(frozen=True, slots=True)
class Masking:
    """What masking a column needs beside its values.

    Attributes:
        column: the column as declared; of an array, one of its elements.
        cipher: the key.
        units: the privacy unit of each row, the same number in every run; empty where the mask
            does not ask for it.
        spared: values that enough units share.
    """

    column: Column
    cipher: Cipher
    units: npt.NDArray[np.int64]
    spared: pa.Array


class Mask(Protocol):
    """Makes pseudonyms: the same value becomes the same pseudonym in every column of the kind."""

    kind: ClassVar[str]
    """The file's name, by which a configuration asks for it."""
    one_to_one: ClassVar[bool]
    """Whether different values always become different pseudonyms."""
    by_row: ClassVar[bool]
    """Whether a pseudonym depends on its row's privacy unit, too."""
    reserved: ClassVar[str | None]
    """A regular expression that every pseudonym matches, and next to no real value."""

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Whether values of a type can be masked so."""
        ...

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """The pseudonym of each value, none of which is null, in the same Arrow type."""
        ...


@cache
def masks() -> Mapping[str, type[Mask]]:
    """Every mask in this folder by its kind."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return {m.mask.kind: m.mask for m in modules}


def suits(kind: str, datatype: DataType) -> bool:
    """Whether a mask suits a type, or the elements of an array of it."""
    mask = masks()[kind]
    element = datatype.element if datatype.kind is Kind.ARRAY else None
    return mask.suits(datatype) or (element is not None and mask.suits(element))


def is_text(datatype: DataType) -> bool:
    """Whether a column holds texts of any sort."""
    return datatype.kind is Kind.TEXT
