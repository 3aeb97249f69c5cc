"""Tells passwords' hashes, keys and tokens from other texts, by how they begin and how mixed."""

import math
import re
from collections import Counter

_PREFIXES = re.compile(
    r"(?:sk|pk|rk)_(?:live|test)_[0-9A-Za-z]{10,}|gh[pousr]_[0-9A-Za-z]{20,}|github_pat_\w{20,}"
    r"|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,}"
    r"|ya29\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}|pypi-[\w-]{30,}|dop_v1_\w{30,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\$2[abxy]?\$\d\d\$[./0-9A-Za-z]{30,}|\$argon2(?:id|i|d)\$\S{10,}|\$(?:1|5|6|y|7)\$\S{10,}"
    r"|pbkdf2[_:-]sha\d+\$\S{10,}|scrypt[:$]\S{10,}|SCRAM-SHA-256\$\S{10,}"
    r"|\{S?SHA(?:256|512)?\}\S{16,}"
)
_IN_A_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]+:[^\s/@]+@[^\s/]+", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"\b(?:password|passwd|pwd|secret|api_?key|access_?key|auth_?token|token)\b"
    r"['\"]?\s*(?:=|:|=>)\s*['\"]?(?P<value>[^\s'\"),;]{6,})",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"[0-9A-Za-z+/_=-]{20,}")
_WORD = re.compile(r"(?<![\w/+.-])[0-9A-Za-z+=]{20,}(?![\w/.-])")
"""A word in a text; names and paths, whose parts are joined by signs, look mixed and are not."""
_MIXED = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
_BITS = 3.7
"""Bits per character that random letters and digits have, and identifiers rarely."""


def is_token(text: str) -> bool:
    """Whether a text is a key, a token or the hash of a password, and nothing else."""
    return _PREFIXES.fullmatch(text) is not None or _is_random(text)


def holds_secret(text: str) -> bool:
    """Whether a text holds such a token, a password given to a name, or a URL with one."""
    if _PREFIXES.search(text) or _IN_A_URL.search(text):
        return True
    given = (found["value"] for found in _ASSIGNED.finditer(text))
    return any(map(_is_password, given)) or any(_is_random(found) for found in _WORD.findall(text))


def _is_password(value: str) -> bool:
    """Something is no name of a column or function: it mixes digits or signs with letters."""
    return re.search(r"[0-9!#$%&*?@^~]", value) is not None and not re.search(r"[(\[.:{]", value)


def _is_random(text: str) -> bool:
    """Long, of small and capital letters and digits, and as mixed as chance would have it."""
    if not _WHOLE.fullmatch(text) or not all(kind.search(text) for kind in _MIXED):
        return False
    counts = Counter(text).values()
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
    return bits >= min(_BITS, math.log2(len(text)) * 0.85)
