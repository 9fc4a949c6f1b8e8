"""Long files and functions are not read: at most 400 lines in a file of the sources, 60 in a function."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent.parent / "src" / "evoked"
FILE_LINES = 400
FUNCTION_LINES = 60
"""Docstring and decorated signature included."""


def too_long(folder: Path) -> Iterator[str]:
    """A line for every file and function above the limits."""
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if (count := len(text.splitlines())) > FILE_LINES:
            yield f"{path.relative_to(folder)}: {count} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                count = node.end_lineno - node.lineno + 1
                if count > FUNCTION_LINES:
                    yield f"{path.relative_to(folder)}: {node.name} has {count} lines"


def test_no_file_and_no_function_is_too_long() -> None:
    assert list(too_long(SOURCES)) == [], "split it by meaning: a name for each of its steps"


@pytest.mark.parametrize(("body", "expected"), [(58, []), (59, []), (60, ["a.py: f has 61 lines"])])
def test_a_function_of_61_lines_is_too_long(tmp_path: Path, body: int, expected: list[str]) -> None:
    (tmp_path / "a.py").write_text("def f():\n" + "    x = 1\n" * body)
    assert list(too_long(tmp_path)) == expected


@pytest.mark.parametrize(("lines", "expected"), [(400, []), (401, ["b.py: 401 lines"])])
def test_a_file_of_401_lines_is_too_long(tmp_path: Path, lines: int, expected: list[str]) -> None:
    (tmp_path / "b.py").write_text("x = 1\n" * lines)
    assert list(too_long(tmp_path)) == expected
