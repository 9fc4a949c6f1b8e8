"""`import evoked` is cheap, and offers just what it says; the command line is thin."""

import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import evoked

HEAVY = {
    "av",
    "cv2",
    "fastapi",
    "jinja2",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "openvino",
    "pandas",
    "pyarrow",
    "ray",
    "safetensors",
    "scipy",
    "sqlalchemy",
    "torch",
    "uvicorn",
}


def loaded(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*sorted({HEAVY} & set(sys.modules)))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_evoked_loads_nothing_heavy() -> None:
    assert loaded("import evoked") == set()


def test_asking_for_help_loads_nothing_heavy() -> None:
    assert loaded("import evoked.cli.main") == set()


def test_predicting_needs_no_torch() -> None:
    assert "torch" not in loaded("import evoked.prediction.predictor, evoked.cli.predict, evoked.cli.annotate")


def test_every_public_name_is_listed_and_there() -> None:
    assert set(evoked.HOMES) | {"__version__"} == set(evoked.__all__) == set(dir(evoked))
    for name in evoked.__all__:
        assert getattr(evoked, name) is not None
    from evoked.core.track import Track

    assert evoked.Track is Track
    with pytest.raises(AttributeError, match="has no attribute 'Trak'"):
        _ = evoked.Trak


def test_importing_evoked_loads_not_even_numpy() -> None:
    script = "import sys, evoked; print('numpy' in sys.modules); evoked.Track; print('numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "True"]


def test_every_verb_is_there_and_helps() -> None:
    from click.testing import CliRunner

    from evoked.cli.command_list import COMMANDS
    from evoked.cli.main import evoked as command

    for verb in COMMANDS:
        shown = CliRunner().invoke(command, [verb, "--help"])
        assert shown.exit_code == 0, f"{verb}: {shown.output}"
        assert "Usage:" in shown.output


@pytest.mark.parametrize("line", ["ablate --features folder --labels labels.csv", "transfer model folder"])
def test_without_torch_a_command_says_what_to_install(line: str, tmp_path: Path) -> None:
    """As the base install has it: torch cannot be found."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nclass No:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'torch':\n            raise ModuleNotFoundError('no torch', name='torch')\n"
        "sys.meta_path.insert(0, No())\n"
    )
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-m", "evoked.cli.main", *line.split(), "-o", "out"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert ended.returncode == 1, ended.stderr
    assert "which is not installed. Run: pip install 'evoked[train]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_benchmarks_that_are_listed_are_there_and_take_what_is_said() -> None:
    folder = Path(__file__).parents[1] / "benchmarks"
    said = subprocess.run([sys.executable, folder / "elsewhere.py"], capture_output=True, text=True, check=True).stdout
    commands = [line.split("`")[1].split()[1:] for line in said.splitlines() if "`" in line]
    assert len(commands) > 5
    for name, *words in commands:
        source = (folder.parent / name).read_text()
        assert [word for word in words if word.startswith("--") and f'"{word}"' not in source] == []


def test_what_benchmarks_import_from_evoked_is_there() -> None:
    """They are run seldom and by hand, and would go on naming what has moved."""
    missing, seen = [], 0
    for path in sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("evoked."):
                module, seen = import_module(str(node.module)), seen + 1
                missing += [
                    f"{path.name}: {module.__name__}.{a.name}" for a in node.names if not hasattr(module, a.name)
                ]
    assert seen > 50
    assert missing == []
