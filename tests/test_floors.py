"""The house stands: imports only ever go down, and each framework stays in its room."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from import_graph import edges, imports, modules, tree

HOUSE = Path(__file__).parent.parent / "src" / "evoked"
FLOORS = [
    {"core", "metrics"},
    {"media", "weights", "model", "parallel"},
    {"faces", "sample"},
    {"features", "reactions"},
    {"dataset", "prediction"},
    {"learning", "agreement"},
    {"report"},
    {"study", "apps"},
    {"api"},
    {"cli"},
]
INNER_FLOORS = {
    "evoked.reactions": [{"alignment", "expressions"}, {"content_region", "viewers"}, {"labelling"}],
    "evoked.reactions.alignment": [
        {"config", "offset_map", "viterbi", "peak_interpolation"},
        {"chaining", "known_offset"},
        {"audio", "video"},
        {"fusion", "recording"},
        {"library"},
        {"matcher"},
    ],
    "evoked.apps": [{"web"}, {"predictions", "rating"}],
    "evoked.learning": [{"training", "evaluation"}, {"recognition", "experiments"}],
}
"""Inside a package, lowest first: packages and files import only from lower floors, never from their own."""
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
HOMES = {
    "av": {"media"},
    "cv2": {"media"},
    "openvino": {"weights"},
    "onnx": {"weights", "prediction"},  # prediction lays out graphs; weights alone runs them
    "onnxruntime": {"weights"},
    "h5py": {"weights"},
    "torch": {"model", "learning"},
    "lightning_fabric": {"learning"},
    "tensorboardX": {"learning"},
    "jinja2": {"report"},
    "pyarrow": {"core"},
    "pandas": {"core", "api"},  # decision 0006: when to_pandas() is called
    "matplotlib": {"core", "report"},  # decisions 0006, 0101: when something is drawn
    "ray": {"parallel"},
    "fastapi": {"apps"},
    "starlette": {"apps"},
    "uvicorn": {"apps"},
    "sqlalchemy": {"apps"},
    "alembic": {"apps"},
    "itsdangerous": {"apps"},
    "click": {"cli"},
    "tqdm": {"cli"},
}


def places(house: Path) -> Iterator[tuple[str, str, str]]:
    """(where, room, module) of every import in the house, those inside functions too."""
    for file in sorted(house.rglob("*.py")):
        room = file.relative_to(house).with_suffix("").parts[0]
        for imported in imports(file):
            yield f"{file.relative_to(house)}:{imported.line}", room, imported.module


def climbs(house: Path) -> list[str]:
    """Every import from a room to another on its own floor or above it."""
    wrong = []
    for where, here, module in places(house):
        parts = module.split(".")
        if here in ("__init__", "__main__") or parts[0] != "evoked" or len(parts) < 2:
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


def inner_climbs(package: str, floors: list[set[str]], graph: dict[str, set[str]]) -> list[str]:
    """Every import inside a package from one part to another on its own floor or above it."""
    floor = {part: height for height, parts in enumerate(floors) for part in parts}

    def part(module: str) -> str | None:
        return module.removeprefix(f"{package}.").split(".")[0] if module.startswith(f"{package}.") else None

    pairs = [(a, b, part(a), part(b)) for a, targets in sorted(graph.items()) for b in sorted(targets)]
    return [f"{a} -> {b}" for a, b, here, there in pairs if here and there and here != there
            if floor.get(here, -1) <= floor.get(there, 99)]  # fmt: skip


@pytest.mark.parametrize("package", INNER_FLOORS)
def test_imports_inside_a_room_only_go_down(package: str) -> None:
    assert inner_climbs(package, INNER_FLOORS[package], edges()) == []


@pytest.mark.parametrize("package", INNER_FLOORS)
def test_every_part_of_an_ordered_room_is_on_its_plan(package: str) -> None:
    folder = HOUSE.parent.joinpath(*package.split("."))
    parts = {p.stem for p in folder.iterdir() if not p.name.startswith("__")}
    assert parts == set().union(*INNER_FLOORS[package])


def test_a_climbing_import_inside_a_room_is_caught() -> None:
    graph = {"evoked.learning.training.train": {"evoked.learning.recognition.config", "evoked.core.track"}}
    assert inner_climbs("evoked.learning", INNER_FLOORS["evoked.learning"], graph) == [
        "evoked.learning.training.train -> evoked.learning.recognition.config"
    ]


def test_no_files_import_each_other_in_a_circle() -> None:
    TopologicalSorter(edges()).prepare()  # raises CycleError with the circle


def test_a_circle_through_an_import_inside_a_function_is_caught(tmp_path: Path) -> None:
    package = tmp_path / "evoked"
    package.mkdir()
    (package / "a.py").write_text("def f():\n    from evoked import b\n")
    (package / "b.py").write_text("from evoked.a import f\n")
    with pytest.raises(CycleError, match="nodes are in a cycle"):
        TopologicalSorter(edges(package)).prepare()


def lists_public_names(file: Path) -> bool:
    """Whether a module says what is public: in `__all__`, or nothing is, by a leading underscore."""
    targets = [t for n in tree(file).body if isinstance(n, ast.Assign | ast.AnnAssign)
               for t in (n.targets if isinstance(n, ast.Assign) else [n.target])]  # fmt: skip
    return file.stem.startswith("_") or any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets)


def test_every_module_lists_its_public_names() -> None:
    without = [name for name, file in modules().items() if not lists_public_names(file)]
    assert without == [], "list what is public in __all__"


def test_names_in_all_are_there() -> None:
    missing = []
    for name, file in modules().items():
        for node in tree(file).body:
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
            ):
                listed = ast.literal_eval(node.value) if isinstance(node.value, ast.List | ast.Tuple) else []
                missing += [f"{name}.{n}" for n in listed if n not in defined(file)]
    assert missing == []


def defined(file: Path) -> set[str]:
    """Names that a module's body binds; all names of its `__getattr__` table count as bound for the package itself."""
    found: set[str] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.Constant) and file.parent == HOUSE:
            found.add(str(node.value))
    return found


SHARED_CLASS_NAMES: set[str] = set()
"""Public class names that may stand in several modules; at most three."""


def test_a_public_class_name_has_one_meaning() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for name, file in modules().items():
        for node in tree(file).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    assert len(SHARED_CLASS_NAMES) <= 3
    assert {name: found for name, found in homes.items() if len(found) > 1 and name not in SHARED_CLASS_NAMES} == {}


GLOSSARY = HOUSE.parents[1] / "docs" / "glossary.md"


def retired() -> tuple[set[str], set[str], set[str]]:
    """Modules (`room/name.py`), public names (`Name`) and options (`--name`) in the last column of the glossary."""
    rows = [line.split("|") for line in GLOSSARY.read_text().splitlines() if line.startswith("| ")]
    words = {word for row in rows if len(row) == 6 for word in re.findall(r"`([^`]+)`", row[4])}
    files = {word for word in words if word.endswith(".py")}
    options = {word for word in words if word.startswith("--")}
    return files, words - files - options, options


def test_retired_names_do_not_come_back() -> None:
    files, names, options = retired()
    assert (len(files) > 50, len(names) > 50, len(options) > 3) == (True, True, True)
    back = [f"file {name}" for name in sorted(files) if (HOUSE / name).exists()]
    for module, file in modules().items():
        for node in tree(file).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names:
                back.append(f"{module}.{node.name}")
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Constant) and node.value in options:
                back.append(f"{module}:{node.lineno} {node.value}")
    assert back == []


def test_each_framework_has_one_home() -> None:
    strays = [
        f"{where} imports {module}"
        for where, room, module in places(HOUSE)
        if room not in HOMES.get(module.split(".")[0], {room})
    ]
    assert strays == []


def test_no_room_for_odds_and_ends() -> None:
    assert [p.name for p in HOUSE.rglob("*.py") if p.stem in {"utils", "common", "helpers"}] == []


def test_every_room_is_on_the_plan() -> None:
    assert {p.name for p in HOUSE.iterdir() if p.is_dir() and not p.name.startswith("__")} <= set(FLOOR)


NAMED = {
    "cv2": "opencv-python-headless",
    "lightning_fabric": "lightning-fabric",
    "markupsafe": "jinja2",
    "starlette": "fastapi",
}
"""Module → the package that brings it, where the two are called differently."""


def test_every_library_that_is_imported_stands_in_pyproject() -> None:
    told = tomllib.loads((HOUSE.parents[1] / "pyproject.toml").read_text())["project"]
    wanted = [*told["dependencies"], *(w for extra in told["optional-dependencies"].values() for w in extra)]
    packages = {re.split(r"[<>=\[;]", w)[0] for w in wanted}
    tops = {module.split(".")[0] for _, _, module in places(HOUSE)} - sys.stdlib_module_names - {"evoked"}
    assert {NAMED.get(top, top) for top in tops} <= packages | {"onnxruntime"}  # in cuda: its GPU build


def test_the_list_of_files_is_fresh() -> None:
    script = HOUSE.parents[1] / "scripts" / "list_rooms.py"
    checked = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
