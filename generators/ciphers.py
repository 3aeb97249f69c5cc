"""Turns values into pseudonyms by a secret key: the same value the same pseudonym, in every run."""

import hashlib
import hmac
from dataclasses import dataclass, field

_ROUNDS = 10
_WORD_BYTES = 8


@dataclass(frozen=True, slots=True)
class Cipher:
    """A key, and what it makes of values; without the key nothing of it can be computed.

    Attributes:
        key: at least 32 bytes that nobody guesses.
    """

    key: bytes = field(repr=False)

    def word(self, purpose: str, text: str) -> int:
        """A 64-bit word for a text, by HMAC-SHA256 (RFC 2104)."""
        return int.from_bytes(self._digest(purpose, text.encode())[:_WORD_BYTES], "big")

    def stream(self, purpose: str, data: bytes, size: int) -> bytes:
        """So many bytes that look random, as a function of some data."""
        return hashlib.shake_256(self._digest(purpose, data)).digest(size)

    def permuted(self, number: int, size: int, tweak: str) -> int:
        """Where a permutation of 0..size-1, chosen by the key and a tweak, sends a number.

        A Feistel network of ten rounds over the smallest power of two that holds the domain, walked
        along its cycle until it falls inside, as format-preserving encryption is built (NIST SP
        800-38G, section 5; Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002), with
        HMAC-SHA256 in the place of AES. What a domain of a few values hides, it hides badly: below
        a million values somebody with some pairs may guess others.

        Raises:
            ValueError: the number is outside the domain.
        """
        if not 0 <= number < size:
            raise ValueError(f"a number outside 0..{size - 1} found; widen the domain")
        bits = (size - 1).bit_length()
        while bits > 0:
            number = self._network(number, bits, tweak)
            if number < size:
                break
        return number

    def _network(self, number: int, bits: int, tweak: str) -> int:
        low_bits, high_bits = bits // 2, bits - bits // 2
        low, high = number & ((1 << low_bits) - 1), number >> low_bits
        for turn in range(0, _ROUNDS, 2):
            high ^= self._round(low, low_bits, high_bits, f"{tweak}\n{bits}\n{turn}")
            low ^= self._round(high, high_bits, low_bits, f"{tweak}\n{bits}\n{turn + 1}")
        return high << low_bits | low

    def _round(self, half: int, bits: int, wanted: int, purpose: str) -> int:
        """So many bits as a function of the other half."""
        data = half.to_bytes((bits + 7) // 8, "big")
        found = self.stream(purpose, data, (wanted + 7) // 8)
        return int.from_bytes(found, "big") & ((1 << wanted) - 1)

    def _digest(self, purpose: str, data: bytes) -> bytes:
        told = purpose.encode()
        return hmac.digest(self.key, len(told).to_bytes(4, "big") + told + data, "sha256")
