"""Addresses of machines in networks that are set aside for documentation."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.feistel import Rows, mixed, salt_of
from generators.invented import Shaped, cut

_NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")
_FOUR, _SIX, _HARDWARE = "4", "6", "h"


@dataclass(frozen=True, slots=True)
class NetworkAddress(Shaped):
    """IPv4 of RFC 5737, IPv6 of RFC 3849 and hardware addresses of RFC 9542, by what is stored."""

    kind: ClassVar[str] = "network_address"
    reserved: ClassVar[str | None] = (
        r"^(192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8:|00:00:5e:00:53:)"
    )
    shortest: ClassVar[int] = 17

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """Which of the three forms a text has."""
        pairs = pc.match_substring_regex(values, r"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$")
        six = pc.and_(pc.match_substring(values, ":"), pc.invert(pairs))
        return pc.if_else(pairs, _HARDWARE, pc.if_else(six, _SIX, _FOUR))

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """Only the three forms."""
        return shape in {_FOUR, _SIX, _HARDWARE}

    @classmethod
    def fallback(cls, widest: int | None) -> str:  # noqa: ARG003 - `shortest` has room for it
        """The oldest form."""
        return _FOUR

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """An address of that form for each identity."""
        numbers: Rows = (mixed(draw.identities, salt_of(shape)) >> np.uint64(32)).astype(np.int64)
        return cut(_MADE[shape](numbers), self.column.datatype)


def _version_four(numbers: Rows) -> pa.Array:
    networks = pa.array(_NETWORKS).take(pa.array(numbers // 254 % len(_NETWORKS)))
    hosts = pc.cast(pa.array(numbers % 254 + 1), pa.string())
    return pc.binary_join_element_wise(networks, hosts, "")


def _version_six(numbers: Rows) -> pa.Array:
    return pa.array([f"2001:db8::{n >> 16 & 0xFFFF:x}:{n & 0xFFFF:x}" for n in numbers.tolist()])


def _hardware(numbers: Rows) -> pa.Array:
    return pa.array([f"00:00:5e:00:53:{n & 0xFF:02x}" for n in numbers.tolist()], pa.string())


_MADE = {_FOUR: _version_four, _SIX: _version_six, _HARDWARE: _hardware}

generator: type[ColumnGenerator] = NetworkAddress
