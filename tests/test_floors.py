"""The house stands: imports only ever go down, and each framework stays in its room."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parent.parent / "src" / "evoked"
FLOORS = [
    {"core", "metrics"},
    {"media", "weights", "model", "parallel"},
    {"faces", "sample"},
    {"features", "reactions"},
    {"dataset", "predict"},
    {"learning", "agreement"},
    {"report"},
    {"study"},
    {"cli"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
HOMES = {
    "av": {"media"},
    "cv2": {"media"},
    "openvino": {"weights"},
    "onnx": {"weights", "predict"},  # predict lays out graphs; weights alone runs them
    "onnxruntime": {"weights"},
    "h5py": {"weights"},
    "torch": {"model", "learning"},
    "lightning_fabric": {"learning"},
    "tensorboardX": {"learning"},
    "jinja2": {"report"},
    "pyarrow": {"core"},
    "click": {"cli"},
    "tqdm": {"cli"},
}


def imports(house: Path) -> Iterator[tuple[str, str, str]]:
    """(where, room, module) of every import in the house, those inside functions too."""
    for file in sorted(house.rglob("*.py")):
        room = file.relative_to(house).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text())):
            where = f"{file.relative_to(house)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ImportFrom) and node.module:
                yield where, room, node.module
            elif isinstance(node, ast.Import):
                for name in node.names:
                    yield where, room, name.name


def climbs(house: Path) -> list[str]:
    """Every import from a room to another on its own floor or above it."""
    wrong = []
    for where, here, module in imports(house):
        parts = module.split(".")
        if here == "__init__" or parts[0] != "evoked" or len(parts) < 2:
            continue
        there = parts[1]
        if there != here and FLOOR[there] >= FLOOR[here]:
            wrong.append(f"{where} {here} -> {there}")
    return wrong


def test_imports_only_go_down() -> None:
    assert climbs(HOUSE) == []


def test_a_climbing_import_is_caught(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "track.py").write_text("def f():\n    from evoked.media.probe import Media\n")
    assert climbs(tmp_path) == ["core/track.py:2 core -> media"]


def test_each_framework_has_one_home() -> None:
    strays = [
        f"{where} imports {module}"
        for where, room, module in imports(HOUSE)
        if room not in HOMES.get(module.split(".")[0], {room})
    ]
    assert strays == []


def test_no_room_for_odds_and_ends() -> None:
    assert [p.name for p in HOUSE.rglob("*.py") if p.stem in {"utils", "common", "helpers"}] == []


def test_every_room_is_on_the_plan() -> None:
    assert {p.name for p in HOUSE.iterdir() if p.is_dir() and not p.name.startswith("__")} <= set(FLOOR)


NAMED = {"cv2": "opencv-python-headless", "lightning_fabric": "lightning-fabric", "markupsafe": "jinja2"}
"""Module → the package that brings it, where the two are called differently."""
NOT_BROUGHT = {"ray"}
"""Taken only where somebody has it: decided in docs/decisions/0004-few-libraries.md."""


def test_every_library_that_is_imported_stands_in_pyproject() -> None:
    told = tomllib.loads((HOUSE.parents[1] / "pyproject.toml").read_text())["project"]
    wanted = [*told["dependencies"], *(w for extra in told["optional-dependencies"].values() for w in extra)]
    packages = {re.split(r"[<>=\[;]", w)[0] for w in wanted}
    tops = {module.split(".")[0] for _, _, module in imports(HOUSE)} - sys.stdlib_module_names - {"evoked"}
    assert {NAMED.get(top, top) for top in tops} - NOT_BROUGHT <= packages | {"onnxruntime"}  # in cuda: its GPU build
