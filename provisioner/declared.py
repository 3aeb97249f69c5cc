"""What a schema's statements give away: personal data and secrets in literals, bodies, comments."""

import re
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from connectors.ddl import DdlItem
from generators.privacy.recognise import are_names, holds_personal, recognised
from generators.privacy.tokens import holds_secret
from provisioner.errors import Telling, Untrusted
from provisioner.report import Finding, Severity, acknowledged

_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_BODY = re.compile(r"\$(\w*)\$(.*?)\$\1\$", re.DOTALL)
_REMARK = re.compile(r"--([^\n]*)|/\*(.*?)\*/", re.DOTALL)
_RESERVED = re.compile(
    r"[\w.+-]+@(?:[\w-]+\.)*(?:example\.(?:com|org|net)|[\w-]+\.(?:test|invalid|example|localhost))\b"
    r"|\b555-01\d\d\b",
    re.IGNORECASE,
)
_LABELS = re.compile(r"\bAS ENUM\b", re.IGNORECASE)
_LANGUAGE = re.compile(r"\bLANGUAGE\s+(?:'|\")?(\w+)", re.IGNORECASE)
_TRUSTED = frozenset({"sql", "plpgsql", "pltcl", "plperl", "plv8", "pljava", "plr_trusted"})
_WITH_CODE = frozenset({"FUNCTION", "PROCEDURE", "AGGREGATE", "PROCEDURAL LANGUAGE"})


def check_declared(ddl: Sequence[DdlItem], known: Collection[str]) -> None:
    """Makes sure that no statement of a schema tells of people, or holds a secret.

    Args:
        ddl: the statements that will travel.
        known: hashes of findings that somebody acknowledged.

    Raises:
        Telling: a statement does, and nobody acknowledged it.
    """
    findings = acknowledged(told(ddl), known)
    if any(finding.stops for finding in findings):
        raise Telling(findings)


def check_trusted(ddl: Sequence[DdlItem]) -> None:
    """Makes sure that no statement brings code that may do what the server's user may.

    Raises:
        Untrusted: a function or language is of a kind that PostgreSQL calls untrusted.
    """
    found = sorted({f"{item.kind} {item.name} ({name})" for item, name in _untrusted(ddl)})
    if found:
        raise Untrusted(
            f"the file's schema has code in untrusted languages: {', '.join(found)}; such code may "
            "do all that the server's own user may: read it with `show`, then give --trust-ddl"
        )


def told(ddl: Sequence[DdlItem]) -> Iterator[Finding]:
    """A finding for each statement that tells of people or holds a secret, without what it is."""
    for item in ddl:
        place = (
            f"{item.kind} {item.schema}.{item.name}" if item.schema else f"{item.kind} {item.name}"
        )
        parts = [_RESERVED.sub("", part) for part in _parts(item.statement)]
        if any(map(holds_secret, parts)):
            yield Finding("declared-secret", Severity.ERROR, place, "it seems to hold a secret")
        elif any(map(_is_personal, parts)) or _names_people(item.statement):
            yield Finding("declared-personal", Severity.ERROR, place, "it seems to tell of people")


def _parts(statement: str) -> Iterator[str]:
    """Literals, bodies and remarks of a statement."""
    bodies = [body for _, body in _BODY.findall(statement)]
    for text in (_BODY.sub("", statement), *bodies):
        yield from (literal.replace("''", "'") for literal in _LITERAL.findall(text))
        yield from ("".join(remark) for remark in _REMARK.findall(_LITERAL.sub("''", text)))


def _is_personal(text: str) -> bool:
    return holds_personal(text) or recognised(pa.array([text.strip()])) in {"card", "iban", "email"}


def _names_people(statement: str) -> bool:
    """Whether the labels of an enum are names of people."""
    if not _LABELS.search(statement):
        return False
    return are_names(pa.array(_LITERAL.findall(statement), pa.string()))


def _untrusted(ddl: Sequence[DdlItem]) -> Iterator[tuple[DdlItem, str]]:
    for item in ddl:
        if item.kind in _WITH_CODE:
            outside = _BODY.sub("", _LITERAL.sub("''", item.statement))
            named = (name.lower() for name in _LANGUAGE.findall(outside))
            yield from ((item, name) for name in named if name not in _TRUSTED)
        elif item.kind == "EXTENSION" and re.fullmatch(r"pl\w+u", item.name):
            yield item, item.name
