"""Write the digest of each step's source files to tests/study/step_sources.json: they were looked at.

Run it after a change to these files, once the step's code version was raised, or once it is sure that the change alters
no result.
"""

import ast
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

__all__ = ["STEPS", "TARGET", "source_digests", "step_digest"]

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "evoked"
TARGET = ROOT / "tests" / "study" / "step_sources.json"
SEEING = ("core/time_grid.py", "core/track.py", "media", "weights", "faces")
PIPELINE, JOBS = "reactions/labelling/pipeline.py", "study/jobs.py"
PREDICTION_JOBS = "study/prediction_jobs.py"
STEPS: dict[str, tuple[str, ...]] = {
    "align": ("core/time_grid.py", "media", "reactions/alignment", JOBS),
    "annotate": (*SEEING, "reactions/content_region", "reactions/viewers", "reactions/expressions", PIPELINE, JOBS),
    "label": (
        "core/time_grid.py",
        "core/track.py",
        "reactions/labelling",
        "reactions/alignment/offset_map.py",
        "dataset/labels.py",
        "dataset/participants.py",
        "dataset/viewers.py",
        "dataset/viewer_statistics.py",
        "metrics/participant_means.py",
        "metrics/intersubject.py",
        "study/label_steps.py",
        JOBS,
    ),
    "features": (*SEEING, "features"),
    "hold out": (
        "model",
        "learning/training",
        "learning/experiments/cross_validation.py",
        "learning/experiments/load_or_train.py",
        PREDICTION_JOBS,
        "core/track.py",
        "dataset/examples.py",
        "dataset/load_examples.py",
        "dataset/folds.py",
        "prediction",
    ),
    "evaluate": (
        "metrics",
        "learning/evaluation",
        "dataset/folds.py",
        "dataset/labels.py",
        "prediction/writers.py",
        PREDICTION_JOBS,
    ),
    "train": ("model", "learning/training", "dataset/examples.py", "dataset/load_examples.py", PREDICTION_JOBS),
}
"""Step → files and folders below src/evoked whose code makes its results."""


def step_digest(step: str, source: Path = SOURCE) -> str:
    """sha256 over the code of a step's source files, in the order of their names.

    Args:
        step: one of STEPS.
        source: the package's folder.

    Returns:
        64 hex digits; comments, docstrings, blank lines and the wrapping of lines do not change it.

    Raises:
        FileNotFoundError: if a place that STEPS names is not there.
    """
    return source_digest(STEPS[step], source)


def source_digest(places: tuple[str, ...], source: Path) -> str:
    """The same for any files and folders below `source`."""
    found = sha256()
    for file in _files(places, source):
        found.update(f"{file.relative_to(source).as_posix()}\n{_code(file)}\n".encode())
    return found.hexdigest()


def source_digests() -> dict[str, str]:
    """Step → digest of its sources as they are now."""
    return {step: step_digest(step) for step in STEPS}


def _files(places: tuple[str, ...], source: Path) -> Iterator[Path]:
    for place in sorted(source / p for p in places):
        if not place.exists():
            raise FileNotFoundError(
                f"{place} is not there: name the step's sources anew in STEPS of {Path(__file__).name}"
            )
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _code(file: Path) -> str:
    """A module's syntax tree without docstrings, bare strings and the help of settings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)] or [ast.Pass()]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setting":
            node.args = node.args[:1]
    return ast.dump(tree)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


if __name__ == "__main__":
    TARGET.write_text(json.dumps(source_digests(), indent=1) + "\n", encoding="utf-8")
    print(TARGET.relative_to(ROOT))
