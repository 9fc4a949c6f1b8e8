"""The commands that read media, each with the command line of a case and what counts as its result.

A case works in a folder of its own. The damaged file is `damaged.SUFFIX` there; the same command on the whole file,
under the same name, gives the result to compare with.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from campaigns.prepared import RECOGNISER, Prepared
from campaigns.sources import SOUND_ONLY, Sources
from evoked.core.tables import read_provenance, read_table
from evoked.features.files import read_features_provenance

__all__ = ["SET", "VERBS", "Scene", "Verb", "verbs_for"]

SET = ":set"
"""End of the name of a result that is a set of numbers, not a series."""
Result = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Scene:
    """The files of a case.

    Attributes:
        folder: of the case.
        video: the damaged (or whole) file in it.
        sources: the whole files.
        prepared: model, library, study, rated clips.
    """

    folder: Path
    video: Path
    sources: Sources
    prepared: Prepared


@dataclass(frozen=True)
class Verb:
    """One way to read a media file.

    Attributes:
        words: makes the command line, and the files that the command needs.
        result: reads what the command wrote.
        weight: how often it is drawn, of files with video.
        sound_weight: how often, of files with sound only.
        files: patterns of the result files in the case's folder whose provenance is read.
        is_content: the file is a content alone, not a reaction.
        live: the file is piped into standard input.
        needs: the attributes of Prepared that it reads.
    """

    words: Callable[[Scene], list[str]]
    result: Callable[[Path], Result]
    weight: float
    sound_weight: float
    files: tuple[str, ...]
    is_content: bool = False
    live: bool = False
    needs: tuple[str, ...] = ()


def verbs_for(source: str, among: Sequence[str] | None = None) -> tuple[list[str], NDArray[np.float64]]:
    """The verbs for a source, and the probability of each.

    Args:
        source: name of the whole file.
        among: names of the verbs to draw from; None: all.

    Returns:
        Names and probabilities; `live` only for formats that can be read while they are written.
    """
    can_live = source.startswith(("ts-", "mkv-", "webm-", "mp4-fragmented"))
    names = [name for name in among or VERBS if can_live or not VERBS[name].live]
    weights = np.array([VERBS[n].weight if source not in SOUND_ONLY else VERBS[n].sound_weight for n in names])
    return names, weights / weights.sum()


def provenance_of(verb: Verb, folder: Path) -> Iterator[dict[str, Any]]:
    """The provenance in each result file of a case."""
    for pattern in verb.files:
        for path in sorted(folder.glob(pattern)):
            if path.suffix == ".safetensors":
                yield read_features_provenance(path) or {}
            else:
                yield read_provenance(path) or {}


def _features(scene: Scene) -> list[str]:
    return ["features", scene.video.name, "-o", "out.safetensors", "--threads", "1"]


def _features_result(folder: Path) -> Result:
    arrays = load_file(folder / "out.safetensors")
    result = {}
    for name in ("image", "face", "audio"):
        values, valid = arrays[name].astype(np.float64), arrays[f"{name}_valid"]
        parts = values.reshape(len(values), valid.shape[1] if valid.ndim > 1 else 1, -1)
        result[name] = np.where(valid.reshape(*parts.shape[:2], 1), parts, np.nan)
    return result


def _predict(scene: Scene) -> list[str]:
    return ["predict", scene.video.name, "--model", str(scene.prepared.model), "-o", "out.parquet", "--threads", "1"]


def _live(scene: Scene) -> list[str]:
    return ["predict", "-", "--live", "--model", str(scene.prepared.model), "-o", "out.parquet", "--threads", "1"]


def _annotate(scene: Scene) -> list[str]:
    return ["annotate", scene.video.name, "-o", "out.parquet"]


def _annotate_content(scene: Scene) -> list[str]:
    return ["annotate", str(scene.sources.reaction), "--content", scene.video.name, "-o", "out.parquet"]


def _annotate_reaction(scene: Scene) -> list[str]:
    return ["annotate", scene.video.name, "--content", str(scene.sources.content), "-o", "out.parquet"]


def _blur(scene: Scene) -> list[str]:
    return ["annotate", scene.video.name, "-o", "out.parquet", "--blur", "blurred.mp4"]


def _table_result(folder: Path) -> Result:
    return _rows(folder / "out.parquet")


def _rows(path: Path) -> Result:
    """Columns of a table by its first text column, NaN where not valid."""
    columns = read_table(path)
    texts = [name for name, values in columns.items() if values and isinstance(values[0], str)]
    keys = list(zip(*(columns[name] for name in texts), strict=True)) if texts else [()] * len(columns["valid"])
    valid = np.array(columns["valid"], dtype=bool)
    result: Result = {}
    for key in dict.fromkeys(keys):
        chosen = np.array([k == key for k in keys], dtype=bool)
        for name, values in columns.items():
            if name in texts or name == "valid":
                continue
            column = np.array([np.nan if value is None else float(value) for value in values])
            shown = column if name in ("time_s", "second") else np.where(valid, column, np.nan)
            result["/".join((*key, name))] = shown[chosen]
    return result


def _align(scene: Scene) -> list[str]:
    return ["align", scene.video.name, str(scene.sources.content), "-o", "out.json"]


def _align_content(scene: Scene) -> list[str]:
    return ["align", str(scene.sources.reaction), scene.video.name, "-o", "out.json"]


def _align_video(scene: Scene) -> list[str]:
    return ["align", scene.video.name, str(scene.sources.content), "-o", "out.json", "--by", "video"]


def _map_result(folder: Path) -> Result:
    return _segments(json.loads((folder / "out.json").read_text()))


def _segments(offsets: dict[str, Any]) -> Result:
    rows = [[s["content_start_s"], s["content_end_s"], s["reaction_start_s"], s["rate"]] for s in offsets["segments"]]
    return {"segments": np.array(rows, dtype=np.float64)}


def _library_add(scene: Scene) -> list[str]:
    return ["library", "add", "library", scene.video.name]


def _library_result(folder: Path) -> Result:
    entries = json.loads((folder / "library" / "contents.json").read_text())["contents"]
    (postings,) = (folder / "library" / "marks").glob("*.safetensors")
    arrays = load_file(postings)
    marks = arrays["keys"].astype(np.float64) * 2**20 + arrays["frames"]
    return {"seconds": np.array([entry["seconds"] for entry in entries]), f"marks{SET}": marks}


def _library_find(scene: Scene) -> list[str]:
    return ["library", "find", str(scene.prepared.library), scene.video.name, "-o", "found"]


def _found_result(folder: Path) -> Result:
    (path,) = (folder / "found").glob("*.json")
    return _segments(json.loads(path.read_text()))


def _study(scene: Scene, part: str, replaced: str) -> list[str]:
    study = scene.folder / "study"
    shutil.copytree(scene.prepared.study, study, copy_function=_link_videos)
    (study / part / replaced).unlink()
    os.link(scene.video, study / part / f"{Path(replaced).stem}{scene.video.suffix}")
    return ["run", "study"]


def _link_videos(source: str, target: str) -> None:
    if Path(source).parent.name in ("contents", "reactions"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _run_reaction(scene: Scene) -> list[str]:
    return _study(scene, "reactions", "reaction_first.mp4")


def _run_content(scene: Scene) -> list[str]:
    return _study(scene, "contents", "first.mp4")


def _study_result(folder: Path) -> Result:
    results = folder / "study" / "results"
    result = {f"labels/{name}": values for name, values in _rows(results / "labels.parquet").items()}
    for path in sorted((results / "predictions").glob("*.parquet")):
        result |= {f"{path.name.split('.')[0]}/{name}": values for name, values in _rows(path).items()}
    assert (results / "report.html").is_file()
    return result


def _recogniser(scene: Scene) -> list[str]:
    clips = scene.folder / "clips"
    shutil.copytree(scene.prepared.ratings.parent, clips)
    os.link(scene.video, clips / scene.video.name)
    with (clips / "ratings.csv").open("a") as file:
        file.writelines(f"{scene.video.name},p9,1,0,{rater}\n" for rater in "ab")
    shutil.copytree(scene.prepared.descriptors, scene.folder / "out" / "faces")
    (scene.folder / "before.json").write_text(json.dumps([p.name for p in scene.prepared.descriptors.rglob("*.*")]))
    return ["recogniser", "train", "clips/ratings.csv", "-o", "out", *RECOGNISER]


def _recogniser_result(folder: Path) -> Result:
    before = set(json.loads((folder / "before.json").read_text()))
    (path,) = (p for p in (folder / "out" / "faces").rglob("*.safetensors") if p.name not in before)
    arrays = load_file(path)
    if "rows" not in arrays:
        return {}
    return {"rows": np.where(arrays["valid"][:, None], arrays["rows"].astype(np.float64), np.nan)}


TABLE, STUDY = ("out.parquet",), ("study/results/*.parquet", "study/results/*/*.parquet", "study/results/*/*.json")
VERBS = {
    "features": Verb(_features, _features_result, 4, 0.2, ("out.safetensors",)),
    "predict": Verb(_predict, _table_result, 4, 0.2, TABLE, needs=("model",)),
    "predict --live": Verb(_live, _table_result, 2.5, 0, TABLE, live=True, needs=("model",)),
    "align reaction": Verb(_align, _map_result, 4, 4, ("out.json",)),
    "align content": Verb(_align_content, _map_result, 3, 3, ("out.json",), is_content=True),
    "align --by video": Verb(_align_video, _map_result, 1, 0.1, ("out.json",)),
    "annotate": Verb(_annotate, _table_result, 3, 0.2, TABLE),
    "annotate reaction": Verb(_annotate_reaction, _table_result, 1.2, 0, TABLE),
    "annotate content": Verb(_annotate_content, _table_result, 1.2, 0, TABLE, is_content=True),
    "annotate --blur": Verb(_blur, _table_result, 0.6, 0, TABLE),
    "library add": Verb(_library_add, _library_result, 3, 4, ("library/contents.json",)),
    "library find": Verb(_library_find, _found_result, 3, 4, ("found/*.json",), needs=("library",)),
    "recogniser train": Verb(
        _recogniser, _recogniser_result, 0.5, 0, ("out/recogniser.json",), needs=("ratings", "descriptors")
    ),
    "run, a reaction": Verb(_run_reaction, _study_result, 0.3, 0.1, STUDY, needs=("study",)),
    "run, a content": Verb(_run_content, _study_result, 0.3, 0, STUDY, is_content=True, needs=("study",)),
}
"""Name → verb; the names are those of the table at the end."""
