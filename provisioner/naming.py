"""Finds the table that a person means by `schema.table` or `table`."""

import difflib
from collections.abc import Iterable, Mapping

from connectors.schema import TableName
from provisioner.errors import WrongRequest

_MOST_ROWS = 10**12


def named_table(text: str, known: Iterable[TableName]) -> TableName:
    """The table of that name; without a schema, the one in `public` or the only one.

    Raises:
        WrongRequest: no table, or more than one, has that name; the text suggests the nearest.
    """
    names = sorted(known)
    full = [name for name in names if str(name) == text]
    bare = [name for name in names if name.name == text]
    public = [name for name in bare if name.schema == "public"]
    for found in (full, public, bare):
        if len(found) == 1:
            return found[0]
    if bare:
        raise WrongRequest(
            f"more than one table is called {text}; write {' or '.join(map(str, bare))}"
        )
    raise WrongRequest(f"found no table {text}; {_suggestion(text, names)}")


def named_tables(texts: Iterable[str], known: Iterable[TableName]) -> tuple[TableName, ...]:
    """The tables of several names, in their order."""
    names = tuple(known)
    return tuple(named_table(text, names) for text in texts)


def named_rows(texts: Iterable[str], known: Iterable[TableName]) -> Mapping[TableName, int]:
    """The numbers of rows in texts such as `orders=1000`, by table; plain numbers are passed over.

    Raises:
        WrongRequest: a text has no table, no whole number or the same table as another one.
    """
    names = tuple(known)
    found: dict[TableName, int] = {}
    for text in texts:
        if text.isdecimal():
            continue
        table, _, number = text.rpartition("=")
        if not table or not number.isdecimal() or int(number) > _MOST_ROWS:
            raise WrongRequest(f"--rows {text} found; expected TABLE=N or N, from 0 to 10^12")
        name = named_table(table, names)
        if name in found:
            raise WrongRequest(f"--rows names {name} twice; name it once")
        found[name] = int(number)
    return found


def cold_rows(texts: Iterable[str]) -> int:
    """The number among such texts that stands alone: rows of each table empty in the source."""
    numbers = [int(text) for text in texts if text.isdecimal()]
    if len(numbers) > 1 or any(number > _MOST_ROWS for number in numbers):
        raise WrongRequest("--rows N found twice or too large; expected it once, up to 10^12")
    return numbers[0] if numbers else 0


def _suggestion(text: str, names: list[TableName]) -> str:
    """The tables whose own names are nearest; schemas would make all of them look alike."""
    spellings: dict[str, list[str]] = {}
    for name in names:
        spellings.setdefault(name.name.casefold(), []).append(str(name))
    wanted = text.rpartition(".")[2].casefold()
    near = [wanted] if wanted in spellings else difflib.get_close_matches(wanted, spellings, n=2)
    if near:
        return f"did you mean {' or '.join(s for n in near for s in spellings[n])}?"
    some = ", ".join(map(str, names[:5]))
    return f"expected one of {some}{', ...' if len(names) > 5 else ''}"
