"""PostgreSQL's text patterns as regular expressions that RE2 and Python read alike."""

import re
from collections.abc import Iterator, Mapping

from connectors.errors import ConnectorError

_CLASSES = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\t\n\x0b\f\r ",
    "blank": r"\t ",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "cntrl": r"\x00-\x1f\x7f",
    "print": " -~",
    "graph": "!-~",
    "word": "A-Za-z0-9_",
}
_UNICODE_CLASSES = _CLASSES | {
    "alpha": r"\pL",
    "alnum": r"\pL\pN",
    "upper": r"\p{Lu}",
    "lower": r"\p{Ll}",
    "punct": r"\pP\pS",
    "word": r"\pL\pN_",
}
_SHORTHANDS = {"d": "digit", "s": "space", "w": "word"}
_ANCHORS = {"A": r"\A", "Z": "$", "y": r"\b", "Y": r"\B"}
_CONTROLS = {"a": r"\x07", "b": r"\x08", "e": r"\x1b"}
_PLAIN_CONTROLS = frozenset("fnrtv")
_LIKE = {"%": ".*", "_": "."}
_SIMILAR = {**_LIKE, **{sign: sign for sign in "|*+?{}()"}}
_TOKEN = re.compile(
    r"(?P<escape>\\u[0-9A-Fa-f]{4}|\\.)|(?P<bracket>\[)|(?P<group>\(\?(?:[:=!<]|i\))?)|(?P<other>.)",
    re.DOTALL,
)
_BRACKET = re.compile(r"\[\^?\]?(?:\[[:.=].*?[:.=]\]|\\.|[^\]\\])*\]", re.DOTALL)
_IN_BRACKET = re.compile(
    r"\[:(?P<name>\w+):\]|(?P<unknown>\[[.=:])|\\(?P<escape>.)|(?P<other>.)", re.DOTALL
)


class Untranslatable(ConnectorError):
    """An expression of PostgreSQL has no counterpart here; the text says which part and why."""


def regex(pattern: str, *, ascii_only: bool = False) -> str:
    r"""A pattern of PostgreSQL's operator `~` for RE2 (with `.` matching newlines) and Python.

    Classes such as `\w` and `[[:alpha:]]` take in the letters of all scripts, as every locale but
    "C" has it, or ASCII alone, which Python's `re` can read. Raises Untranslatable for what RE2
    cannot do: looking ahead or behind, back references, word starts, directors (PostgreSQL's
    manual, 9.7.3).
    """
    if pattern.startswith("***"):
        raise Untranslatable("a regular expression with a director (***)")
    return "".join(_pieces(pattern, _CLASSES if ascii_only else _UNICODE_CLASSES))


def like_regex(pattern: str) -> str:
    """The regular expression of a LIKE pattern whose escape character is the backslash."""
    return _anchored(pattern, _LIKE)


def similar_regex(pattern: str) -> str:
    """The regular expression of a SIMILAR TO pattern whose escape character is the backslash."""
    return _anchored(pattern, _SIMILAR)


def _pieces(pattern: str, classes: Mapping[str, str]) -> Iterator[str]:
    position = 0
    while position < len(pattern):
        found = _TOKEN.match(pattern, position)
        if found is None:
            raise Untranslatable("a regular expression that cannot be read")
        position = found.end()
        if found.lastgroup == "bracket":
            text = _bracket_text(pattern, found.start())
            position = found.start() + len(text)
            yield _bracket(text, classes)
        else:
            yield _piece(found[0], found.lastgroup or "", classes)


def _piece(text: str, group: str, classes: Mapping[str, str]) -> str:
    if group == "escape":
        return _escape(text, classes)
    if group == "group":
        return _group(text)
    return text


def _group(text: str) -> str:
    if text.startswith(("(?=", "(?!", "(?<")):
        raise Untranslatable("a regular expression that looks ahead or behind")
    if text == "(?":
        raise Untranslatable("a regular expression with embedded options")
    return text


def _escape(text: str, classes: Mapping[str, str]) -> str:
    letter = text[1]
    if letter == "u" and len(text) == 6:
        return re.escape(chr(int(text.removeprefix("\\u"), base=16)))
    if letter.lower() in _SHORTHANDS:
        inverse = "^" if letter.isupper() else ""
        return f"[{inverse}{classes[_SHORTHANDS[letter.lower()]]}]"
    known = {**_ANCHORS, **_CONTROLS}.get(letter)
    if known is not None:
        return known
    return _plain_escape(letter)


def _plain_escape(letter: str) -> str:
    if not letter.isalnum() or letter in _PLAIN_CONTROLS:
        return "\\" + letter
    if letter.isdigit():
        raise Untranslatable("a regular expression with a back reference")
    raise Untranslatable(f"a regular expression with the escape \\{letter}")


def _bracket_text(pattern: str, start: int) -> str:
    found = _BRACKET.match(pattern, start)
    if found is None:
        raise Untranslatable("a regular expression with an unfinished bracket")
    return found[0]


def _bracket(text: str, classes: Mapping[str, str]) -> str:
    """A bracket expression; RE2 and Python read the same once its classes are spelt out."""
    opening = "[^" if text.startswith("[^") else "["
    inner = text[len(opening) : -1]
    return opening + "".join(_member(found, classes) for found in _IN_BRACKET.finditer(inner)) + "]"


def _member(found: re.Match[str], classes: Mapping[str, str]) -> str:
    if found["name"] in classes:
        return classes[found["name"]]
    if found["name"] is not None or found["unknown"] is not None:
        raise Untranslatable("a regular expression with a collating element")
    if found["escape"] is not None:
        return _member_escape(found["escape"], classes)
    return "\\" + found["other"] if found["other"] in "[]&~|" else str(found["other"])


def _member_escape(letter: str, classes: Mapping[str, str]) -> str:
    if letter in _SHORTHANDS:
        return classes[_SHORTHANDS[letter]]
    return _CONTROLS.get(letter) or _plain_escape(letter)


def _anchored(pattern: str, wildcards: dict[str, str]) -> str:
    if wildcards is _SIMILAR and "[" in pattern:
        raise Untranslatable("a SIMILAR TO pattern with a bracket")
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    body = "".join(wildcards.get(token) or re.escape(token[-1]) for token in tokens)
    return f"^(?:{body})$"
