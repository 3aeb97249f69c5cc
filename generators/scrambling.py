"""Texts in which letters and digits are others of their sort, and all else stays where it is."""

import re
import unicodedata
from functools import cache

from generators.ciphers import Cipher

_PAGE = 128
_PIECE = 200
"""Characters that are permuted together; numbers made of more are slow to reckon with."""
_CHAINED = 16
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEXADECIMAL = "0123456789abcdef"


def scrambled(text: str, cipher: Cipher) -> str:
    """A text of the same form: length, letter case, scripts, digits and signs stay in place.

    Texts of one form are permuted among themselves, so two texts never become one.
    """
    alphabets, found, before = _alphabets(text), [], ""
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE]
        found.append(_permuted(piece, alphabets[start : start + _PIECE], cipher, before))
        before = cipher.stream("before", f"{before}\n{piece}".encode(), _CHAINED).hex()
    return "".join(found)


def scrambled_digits(text: str, cipher: Cipher, purpose: str) -> str:
    """As `scrambled` for digits alone, by a permutation of its own for each purpose."""
    size = 10 ** len(text)
    return str(cipher.permuted(int(text), size, f"{purpose}\n{len(text)}")).zfill(len(text))


def _permuted(text: str, alphabets: list[str], cipher: Cipher, before: str) -> str:
    """A piece of a text, by a permutation that depends on its form and on what stands before."""
    number, size, form = 0, 1, list[str]()
    for character, alphabet in zip(text, alphabets, strict=True):
        form.append(alphabet[0] if alphabet else character)
        if alphabet:
            number = number * len(alphabet) + alphabet.index(character)
            size *= len(alphabet)
    number = cipher.permuted(number, size, f"text\n{before}\n{''.join(form)}")
    found = []
    for character, alphabet in zip(reversed(text), reversed(alphabets), strict=True):
        if alphabet:
            number, place = divmod(number, len(alphabet))
        found.append(alphabet[place] if alphabet else character)
    return "".join(reversed(found))


def _alphabets(text: str) -> list[str]:
    """What may stand in the place of each character; nothing for one that stays."""
    if _UUID.fullmatch(text):
        return [_HEXADECIMAL if character != "-" else "" for character in text]
    return [_alphabet(character) for character in text]


@cache
def _alphabet(character: str) -> str:
    """The letters or digits of the same sort around one: of a page of Unicode and its category."""
    category = unicodedata.category(character)
    if category[0] not in "LN":
        return ""
    start = ord(character) // _PAGE * _PAGE
    page = map(chr, range(start, start + _PAGE))
    return "".join(other for other in page if unicodedata.category(other) == category)
