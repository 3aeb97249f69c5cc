"""The queries of a file: single SELECTs that do nothing but read, with and without literals."""

import logging
import re
from collections.abc import Iterator
from typing import cast

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from connectors.dialect.expressions import PlainCalls
from connectors.errors import WrongQuery
from connectors.planner import Query

_NAME = re.compile(r"^--\s*name:\s*(?P<name>.+?)\s*$", re.MULTILINE)
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Into, exp.Lock, exp.Command, exp.DDL)
_CONSTANTS = (exp.Literal, exp.Boolean, exp.National, exp.HexString, exp.BitString, exp.ByteString)
_QUOTED = re.compile(r"'(?:[^']|'')*'")

# What it cannot parse it would print as it is, with values of production in it.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def read_queries(text: str) -> tuple[Query, ...]:
    """The queries of a file, each after a line `-- name: ...`, or one by one by their number.

    Raises:
        WrongQuery: a text is no single SELECT, locks or writes something, or a name stands twice.
    """
    found = tuple(_query(name, part) for name, part in _parts(text))
    names = [query.name for query in found]
    for name in names:
        if names.count(name) > 1:
            raise WrongQuery(f"two queries are called {name!r}; give each a name of its own")
    return found


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Names with the texts that follow them."""
    pieces = _NAME.split(text)
    if len(pieces) == 1:
        yield from _unnamed(text)
        return
    yield from zip(pieces[1::2], pieces[2::2], strict=True)


def _unnamed(text: str) -> Iterator[tuple[str, str]]:
    """Texts that end in a semicolon, by number."""
    try:
        tokens = PlainCalls().tokenize(text)
    except SqlglotError:
        raise WrongQuery("the queries cannot be read; expected SELECTs, each with a `;`") from None
    ends = [token.start for token in tokens if token.token_type.name == "SEMICOLON"]
    starts = [0, *(end + 1 for end in ends)]
    parts = (text[a:b] for a, b in zip(starts, [*ends, len(text)], strict=True))
    for number, part in enumerate((part for part in parts if part.strip()), 1):
        yield f"query {number}", part


def _query(name: str, text: str) -> Query:
    """One query; what is told of a wrong one quotes nothing of it but its name."""
    try:
        trees = [tree for tree in parse(text, read=PlainCalls) if tree is not None]
    except (SqlglotError, RecursionError):
        raise WrongQuery(
            f"query {name!r} cannot be read; expected one SELECT in PostgreSQL's words"
        ) from None
    [tree] = trees if len(trees) == 1 else [None]
    if not isinstance(tree, exp.Query) or isinstance(tree, exp.Subquery):
        raise WrongQuery(f"query {name!r} is not one SELECT; expected nothing else")
    if any(isinstance(node, _WRITES) for node in tree.walk()):
        raise WrongQuery(f"query {name!r} writes or locks something; expected one that reads alone")
    pattern = _pattern(cast("exp.Expression", tree))
    return Query(name, text.strip().rstrip(";").rstrip(), pattern)


def _pattern(tree: exp.Expression) -> str:
    """The text with `?` for each literal, in one line, without comments.

    A kind of literal that the parser keeps in a node of another kind is still written in quotes.
    """
    bare = tree.transform(lambda node: exp.var("?") if isinstance(node, _CONSTANTS) else node)
    return _QUOTED.sub("?", str(bare.sql(dialect=PlainCalls, comments=False)))
