"""Plain regular expressions as a row of alphabets, one per character of what they match."""

import re
import string

_TOKEN = re.compile(
    r"\[(?P<members>(?:[^\]\\]|\\.)+)\]|\\(?P<class>[dw])|\\(?P<escaped>[^dwsbDWSB])"
    r"|(?P<plain>[^\\\[\](){}|?*+.^$])"
)
_COUNT = re.compile(r"\{(?P<least>\d+)(?:,(?P<most>\d*))?\}|(?P<mark>[+*?])")
_CLASSES = {"d": string.digits, "w": string.ascii_lowercase + string.digits}
_OPEN = 8
"""Characters that stand for as many as one likes."""


def alphabets(pattern: str) -> list[str] | None:
    """The characters that may stand at each place of a text that a pattern matches.

    Repetitions take the longest length they allow, open ones eight. None for a pattern with
    groups, alternatives, dots or negated classes.
    """
    rest = pattern.removeprefix("^").removesuffix("$")
    found: list[str] = []
    while rest:
        token = _TOKEN.match(rest)
        members = _members(token) if token else None
        if token is None or not members:
            return None
        rest = rest[token.end() :]
        count = _COUNT.match(rest)
        found += [members] * _times(count)
        rest = rest[count.end() :] if count else rest
    return found or None


def _members(token: re.Match[str]) -> str | None:
    if token["class"]:
        return _CLASSES[token["class"]]
    if not token["members"]:
        return token["escaped"] or token["plain"]
    if token["members"].startswith("^"):
        return None
    allowed = re.compile(f"[{token['members']}]")
    return "".join(c for c in string.printable[:95] if allowed.match(c)).strip()


def _times(count: re.Match[str] | None) -> int:
    if count is None:
        return 1
    if count["mark"]:
        return {"+": _OPEN, "*": _OPEN, "?": 1}[count["mark"]]
    most = count["most"]
    return int(count["least"]) if most is None else int(most or int(count["least"]) + _OPEN)
