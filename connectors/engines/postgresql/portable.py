"""Statements of pg_dump in words that servers of other vendors and older versions know."""

import re

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_COLUMN_OPTIONS = re.compile(
    rf"^(ALTER (?:FOREIGN )?TABLE ONLY {_NAME}\.{_NAME} ALTER COLUMN {_NAME} SET) \((.+)\);\n?",
    re.MULTILINE,
)
_WITH_COLUMN_OPTIONS = frozenset({"TABLE", "FOREIGN TABLE", "MATERIALIZED VIEW"})
_KNOWN_COLUMN_OPTIONS = ("n_distinct=", "n_distinct_inherited=")

_NAMED_NOT_NULL = 180000
"""The version from which NOT NULL is a constraint that stands on a line of its own."""
_CREATED = re.compile(rf"^CREATE (?:UNLOGGED )?TABLE ({_NAME}\.{_NAME}) \(\n", re.MULTILINE)
_NOT_NULL = re.compile(rf"    (?:CONSTRAINT {_NAME} )?NOT NULL ({_NAME})(?: NO INHERIT)?(,?)")


def without_vendor_options(statement: str, kind: str) -> str:
    """The statement without the column options that one vendor's servers keep, others refuse."""
    if kind not in _WITH_COLUMN_OPTIONS:
        return statement
    return _COLUMN_OPTIONS.sub(_known_options, statement)


def as_understood(statement: str, kind: str, server_version: int) -> str:
    """The statement for a server of some version: what it has no syntax for is said otherwise.

    pg_dump 18 writes the NOT NULL of an inherited column as a constraint of its table, whatever
    the version of the server that it reads.
    """
    found = _CREATED.search(statement)
    if kind != "TABLE" or found is None or server_version >= _NAMED_NOT_NULL:
        return statement
    before, lines = statement[: found.end()], statement[found.end() :].split("\n")
    kept, columns = _without_not_nulls(lines)
    orders = [f"ALTER TABLE ONLY {found[1]} ALTER COLUMN {c} SET NOT NULL;" for c in columns]
    return "\n".join([before + "\n".join(kept), *orders]) if columns else statement


def _known_options(found: re.Match[str]) -> str:
    options = [o for o in found[2].split(", ") if o.startswith(_KNOWN_COLUMN_OPTIONS)]
    return f"{found[1]} ({', '.join(options)});\n" if options else ""


def _without_not_nulls(lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines of a table without those that are NOT NULL alone; the columns of these."""
    kept: list[str] = []
    columns = []
    for line in lines:
        found = _NOT_NULL.fullmatch(line)
        # A line of a literal may read alike; it stands behind an odd number of quotes.
        if found is None or "\n".join(kept).count("'") % 2:
            kept.append(line)
            continue
        columns.append(found[1])
        if not found[2] and kept:
            kept[-1] = kept[-1].removesuffix(",")  # it was the last one of the list
    return kept, columns
