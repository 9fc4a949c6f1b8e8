"""Which module imports which, read from the sources: for the floors, and for the tests of one room.

Imports inside functions count. Each file is parsed once per process.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "evoked"
BENCHMARKS = TESTS.parent / "benchmarks"


@dataclass(frozen=True)
class Import:
    """One imported module or name: `module` is dotted; `name` is what is taken from it, if anything."""

    line: int
    module: str
    name: str | None = None


@cache
def tree(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text())


@cache
def imports(file: Path) -> tuple[Import, ...]:
    """Every import of a file, absolute."""
    return tuple(_imports(tree(file)))


def _imports(module: ast.Module) -> Iterator[Import]:
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (Import(node.lineno, node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)


def module_name(file: Path, source: Path = SOURCE) -> str:
    """`evoked.core.track` for src/evoked/core/track.py."""
    parts = file.relative_to(source.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules(source: Path = SOURCE) -> dict[str, Path]:
    """Dotted name → file of every module below a package."""
    return {module_name(file, source): file for file in sorted(source.rglob("*.py"))}


def edges(source: Path = SOURCE) -> dict[str, set[str]]:
    """Module → the modules of the same package that it imports."""
    known = modules(source)
    return {name: set(_within(file, known)) - {name} for name, file in known.items()}


def _within(file: Path, known: dict[str, Path]) -> Iterator[str]:
    for imported in imports(file):
        full = f"{imported.module}.{imported.name}"
        if full in known:
            yield full
        elif imported.module in known:
            yield imported.module


def rooms() -> set[str]:
    """Names of all packages: core, reactions, alignment, audio, …"""
    return {part for name in modules() for part in name.split(".")[1:-1]} | {"staging"}


def reaching(room: str) -> set[Path]:
    """The test files whose imports, followed as far as they go, come to a room.

    Tests of the command line and of the folder itself reach everything: they start commands by name.
    """
    return {file for file in TESTS.rglob("test_*.py") if room in reached(file)}


@cache
def reached(test: Path) -> frozenset[str]:
    """The rooms that a test file's imports come to."""
    if test.parent in (TESTS, TESTS / "cli") or "evoked.cli.main" in {i.module for i in imports(test)}:
        return frozenset(rooms())
    seen: set[Path] = set()
    waiting = [test, *(f for f in (test.parent / "conftest.py",) if f.exists())]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting += _neighbours(file)
    return frozenset(part for file in seen for part in file.parent.parts[len(TESTS.parts) - 1 :])


@cache
def _neighbours(file: Path) -> tuple[Path, ...]:
    known = _importable()
    return tuple(known[name] for name in _within(file, known))


@cache
def _importable() -> dict[str, Path]:
    local = {f.stem: f for f in (*TESTS.rglob("*.py"), *BENCHMARKS.glob("*.py"))}
    staging = {module_name(f, BENCHMARKS / "staging"): f for f in (BENCHMARKS / "staging").rglob("*.py")}
    return modules() | local | staging
