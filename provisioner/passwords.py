"""Hashes of stated passwords, in the forms that frameworks store, the same for the same seed."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from enum import StrEnum

_ROUNDS = 600_000
_COST, _BLOCKS, _LANES = 2**15, 8, 1
_MEMORY = 132 * _COST * _BLOCKS * _LANES


class Scheme(StrEnum):
    """How a password is hashed; the standard library computes each of them."""

    PBKDF2_SHA256 = "pbkdf2_sha256"
    """`pbkdf2_sha256$rounds$salt$hash`, as Django stores it."""
    SCRYPT = "scrypt"
    """`scrypt:n:r:p$salt$hash`, as Werkzeug (Flask) stores it."""
    SHA256 = "sha256"
    """64 hexadecimal digits without a salt, as pgcrypto's digest() gives them."""


def hashed(password: str, scheme: Scheme, seed: int, *purpose: object) -> str:
    """What a column holds for a password; the salt is a function of seed and purpose."""
    told = repr((seed, *map(str, purpose))).encode()
    salt = hashlib.blake2b(told, digest_size=8, person=b"salt").hexdigest()
    return _SCHEMES[scheme](password.encode(), salt)


def _pbkdf2(password: bytes, salt: str) -> str:
    found = hashlib.pbkdf2_hmac("sha256", password, salt.encode(), _ROUNDS)
    return f"pbkdf2_sha256${_ROUNDS}${salt}${b64encode(found).decode()}"


def _scrypt(password: bytes, salt: str) -> str:
    found = hashlib.scrypt(
        password, salt=salt.encode(), n=_COST, r=_BLOCKS, p=_LANES, maxmem=_MEMORY
    )
    return f"scrypt:{_COST}:{_BLOCKS}:{_LANES}${salt}${found.hex()}"


def _sha256(password: bytes, _salt: str) -> str:
    return hashlib.sha256(password).hexdigest()


_SCHEMES: Mapping[Scheme, Callable[[bytes, str], str]] = {
    Scheme.PBKDF2_SHA256: _pbkdf2,
    Scheme.SCRYPT: _scrypt,
    Scheme.SHA256: _sha256,
}
