"""The queries of a file: single SELECTs that do nothing but read, with and without literals."""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
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


def open_queries(texts: Iterable[str]) -> Iterator[Query]:
    """Those of some texts that are SELECTs with `$1` for every value, as a server counts them.

    What is none, cannot be read, or holds a literal still, is passed over, and so is a second text
    that differs in comments and blanks alone. A query is called by a digest of its text.
    """
    known = set()
    for text in texts:
        try:
            tree = _tree("", text)
        except WrongQuery:
            continue
        pattern = _pattern(tree)
        if "?" in pattern or pattern in known:
            continue
        known.add(pattern)
        named = (parameter.this.name for parameter in tree.find_all(exp.Parameter))
        most = max((int(name) for name in named if name.isdecimal()), default=0)
        name = f"statement {hashlib.sha256(pattern.encode()).hexdigest()[:8]}"
        yield Query(name, pattern, pattern, most)


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
    return Query(name, text.strip().rstrip(";").rstrip(), _pattern(_tree(name, text)))


def _tree(name: str, text: str) -> exp.Expression:
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
    return cast("exp.Expression", tree)


def _pattern(tree: exp.Expression) -> str:
    """The text with `?` for each literal, in one line, without comments.

    A kind of literal that the parser keeps in a node of another kind is still written in quotes.
    """
    bare = tree.transform(lambda node: exp.var("?") if _is_constant(node) else node)
    return _QUOTED.sub("?", str(bare.sql(dialect=PlainCalls, comments=False)))


def _is_constant(node: exp.Expression) -> bool:
    """Whether a node is a literal; the number of a parameter, as in `$1`, is none."""
    return isinstance(node, _CONSTANTS) and not isinstance(node.parent, exp.Parameter)
