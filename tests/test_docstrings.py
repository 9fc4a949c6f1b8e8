"""Public functions say what they take, give and raise (Google style)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "src" / "evoked"


def public_functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    """Public functions of a module, and public methods of its public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def lacking(function: ast.FunctionDef) -> list[str]:
    """What the docstring of a function of two or more parameters lacks."""
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    names = [name for name in names if name not in ("self", "cls")]
    if len(names) < 2:
        return []
    text = ast.get_docstring(function) or ""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n(?=[ ]))*)", text, re.MULTILINE)
    if section is None:
        return ["Args"]
    described = {
        name.strip()
        for line in re.findall(r"^    (\w[\w, ]*):", section.group(1), re.MULTILINE)
        for name in line.split(",")
    }
    missing = [name for name in names if name not in described]
    returns = ast.unparse(function.returns) if function.returns else "None"
    if returns not in ("None", "NoReturn") and not re.search(r"^(Returns|Yields):", text, re.MULTILINE):
        missing.append("Returns")
    return missing


@pytest.mark.parametrize("room", sorted({file.parent.relative_to(HOUSE).as_posix() for file in HOUSE.rglob("*.py")}))
def test_public_functions_describe_parameters_and_results(room: str) -> None:
    gaps = {
        f"{file.name}: {function.name}": missing
        for file in sorted((HOUSE / room).glob("*.py"))
        for function in public_functions(ast.parse(file.read_text()).body)
        if (missing := lacking(function))
    }
    assert gaps == {}


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("def f(a, b): 'One line.'", ["Args"]),
        ("def f(a): 'One parameter needs none.'", []),
        ("def f(a, b):\n    '''Text.\n\n    Args:\n        a: one.\n    '''", ["b"]),
        ("def f(a, b) -> int:\n    '''Text.\n\n    Args:\n        a, b: two.\n    '''", ["Returns"]),
        ("def f(a, b) -> None:\n    '''Text.\n\n    Args:\n        a: one.\n        b: two: more.\n    '''", []),
    ],
)
def test_what_is_lacking_is_named(source: str, missing: list[str]) -> None:
    (function,) = public_functions(ast.parse(source).body)
    assert lacking(function) == missing
