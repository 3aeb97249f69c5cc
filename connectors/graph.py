"""The foreign-key graph: load order, cycles, and what a table's rows need."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from connectors.schema import Schema, TableName

_Edges: TypeAlias = Mapping[TableName, Sequence[TableName]]


def load_order(schema: Schema) -> tuple[TableName, ...]:
    """All tables, parents before children; the tables of a cycle stand together, by name.

    The order depends on names and foreign keys only, not on the order in which the schema lists
    its tables.
    """
    return tuple(name for component in _components(schema) for name in component)


def cycles(schema: Schema) -> tuple[frozenset[TableName], ...]:
    """The sets of tables that need each other, in load order; a self-reference is none."""
    return tuple(frozenset(c) for c in _components(schema) if len(c) > 1)


def ancestors(schema: Schema, name: TableName) -> frozenset[TableName]:
    """All other tables that rows of a table reference, directly or through others."""
    found = _postorder((name,), _parents(schema), seen=set())
    return frozenset(found) - {name}


def reached(
    edges: Mapping[TableName, Iterable[TableName]], start: TableName
) -> frozenset[TableName]:
    """All tables that edges lead to from one; itself only where a ring leads back."""
    found: set[TableName] = set()
    waiting = list(edges[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(edges[name])
    return frozenset(found)


def _components(schema: Schema) -> list[list[TableName]]:
    """Strongly connected components, parents first, by Kosaraju's two searches.

    S. R. Kosaraju's algorithm as in Aho, Hopcroft, Ullman, Data Structures and Algorithms (1983),
    section 6.7. Searching towards the children first makes the components come out parents first.
    """
    parents = _parents(schema)
    finished = _postorder(parents, _reversed(parents), seen=set())
    seen: set[TableName] = set()
    searches = (_postorder((name,), parents, seen) for name in reversed(finished))
    return [sorted(component) for component in searches if component]


def _parents(schema: Schema) -> dict[TableName, list[TableName]]:
    """The tables that each table references, itself left out; tables and parents by name."""
    edges: dict[TableName, set[TableName]] = {table.name: set() for table in schema.tables}
    for key in schema.foreign_keys:
        if key.parent in edges and not key.self_reference:
            edges[key.table].add(key.parent)
    return {name: sorted(edges[name]) for name in sorted(edges)}


def _reversed(edges: _Edges) -> dict[TableName, list[TableName]]:
    turned: dict[TableName, list[TableName]] = {name: [] for name in edges}
    for source, ends in edges.items():
        for end in ends:
            turned[end].append(source)
    return turned


def _postorder(starts: Iterable[TableName], edges: _Edges, seen: set[TableName]) -> list[TableName]:
    """The tables reachable and not yet seen, each after those it leads to; marks them as seen.

    The stack is a list, because a chain of tables may be longer than Python's recursion limit.
    """
    finished: list[TableName] = []
    for start in starts:
        stack = [(start, iter(edges[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            name, ends = stack[-1]
            unseen = next((end for end in ends if end not in seen), None)
            if unseen is None:
                finished.append(name)
                stack.pop()
            else:
                seen.add(unseen)
                stack.append((unseen, iter(edges[unseen])))
    return finished
