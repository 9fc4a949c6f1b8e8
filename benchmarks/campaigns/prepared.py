"""What the verbs of a campaign need besides the file: a tiny model, a library, a finished study, rated clips."""

import csv
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from campaigns.limited import Limits, run_limited
from campaigns.sources import Sources
from evoked.faces.detect import FaceDetector
from evoked.media.images import read_image, write_png
from evoked.weights.cache import default_cache

__all__ = ["RECOGNISER", "Prepared", "prepare"]

TOML = """\
note = "staged: these people did not watch this film"
staged = true
[model]
image_units = 8
face_units = 4
audio_units = 4
window_s = 3
[train]
epochs = 1
threads = 1
[features]
threads = 1
[evaluate]
resamples = 10
time_shifts = 5
[report]
preview_height = 72
"""
UNITS = ("--image-units", "8", "--face-units", "4", "--audio-units", "4", "--window-s", "3", "--epochs", "1")
RECOGNISER = ("--epochs", "1", "--folds", "2", "--hidden-units", "4", "--patience", "1")
LIMITS = Limits(cpu_s=600, wall_s=3600.0, memory_mb=6000)


@dataclass(frozen=True)
class Prepared:
    """Folders and files that cases read and never write.

    Attributes:
        model: folder of a model.
        library: of one content.
        study: finished, of two contents and two reactions.
        ratings: table of rated clips beside their stills, all but the clip `damaged.*`.
        descriptors: folder of the stills' face descriptors.
    """

    model: Path
    library: Path
    study: Path
    ratings: Path
    descriptors: Path


def prepare(folder: Path, sources: Sources, parts: Collection[str]) -> Prepared:
    """Make them, or take those that are there.

    Args:
        folder: for them; its name must depend on the code that makes them.
        sources: the whole files.
        parts: attributes of Prepared that are needed.

    Returns:
        Where they are.

    Raises:
        RuntimeError: if a command fails.
    """
    clips = folder / "clips"
    if {"study", "model"} & set(parts):
        _make(folder / "study", lambda part: _study(part, sources))
    if "model" in parts:
        _make(folder / "model", lambda part: _model(part, folder / "study" / "results"))
    if "library" in parts:
        _make(folder / "library", lambda part: _run("library", "add", part, sources.content))
    if {"ratings", "descriptors"} & set(parts):
        _make(clips, _clips)
        _make(
            folder / "recogniser",
            lambda part: _run("recogniser", "train", clips / "ratings.csv", "-o", part, *RECOGNISER),
        )
    descriptors = folder / "recogniser" / "faces"
    return Prepared(folder / "model", folder / "library", folder / "study", clips / "ratings.csv", descriptors)


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder unless it is there; it gets its name when it is whole."""
    if folder.is_dir():
        return
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    make(part)
    part.rename(folder)


def _run(*words: object) -> None:
    with TemporaryDirectory() as folder:
        outcome = run_limited([str(word) for word in words], Path(folder), LIMITS)
    if outcome.code != 0:
        raise RuntimeError(f"evoked {' '.join(map(str, words))} failed:\n{outcome.err}")


def _study(study: Path, sources: Sources) -> None:
    for name, files in {
        "contents": {"first.mp4": sources.content, "second.mp4": sources.other_content},
        "reactions": {"reaction_first.mp4": sources.reaction, "reaction_second.mp4": sources.other_reaction},
    }.items():
        (study / name).mkdir(parents=True)
        for file, source in files.items():
            shutil.copy(source, study / name / file)
    (study / "study.toml").write_text(TOML)
    _run("run", study)


def _model(model: Path, results: Path) -> None:
    inputs = ("--features", results / "features", "--labels", results / "labels.parquet")
    _run("train", *inputs, "-o", model, "--threads", 1, *UNITS)


def _clips(clips: Path) -> None:
    """Five stills of people, each rated by two."""
    cache = default_cache()
    group = read_image(cache.clip("multi_face.jpg"))
    rows = []
    for i, face in enumerate(FaceDetector(cache=cache)(group)[:5]):
        x, y, w, h = face.box.astype(int)
        still = group[max(0, y - h // 2) : y + 3 * h // 2, max(0, x - w // 2) : x + 3 * w // 2]
        write_png(clips / f"still{i}.png", np.ascontiguousarray(still))
        rows += [(f"still{i}.png", f"p{i}", i % 2, int(i < 3), rater) for rater in "ab"]
    with (clips / "ratings.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("clip", "person", "amusement", "doubt", "rater"), *rows])
