"""Rated clips as training data of a recogniser: descriptors of a face, and labels from raters.

Computing face descriptors takes most of the time, so they are cached in one file per clip: interrupted work continues
from there, and a second training computes none.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage, FileDamage, damage_dicts, of_file
from evoked.core.errors import CheckpointError, DatasetError, EvokedError, WeightsError
from evoked.core.files import digest, parse_json, sha256
from evoked.core.progress import Progress, silent
from evoked.core.provenance import unique_names
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.dataset.ratings import RatedClip, Ratings
from evoked.faces.descriptors import column_names, models_of
from evoked.model.stored import read_arrays, write_arrays
from evoked.reactions.expressions.trained import forward_fill
from evoked.reactions.viewers.rated_clip import CODE_VERSION, ClipFaceDescriber, DescribedClip
from evoked.weights.catalogue import NETS

__all__ = ["ClipDataset", "is_still", "load_rated_clips", "person_groups"]

FIRST = "v1"
"""Name that `evoked annotate` gives the only viewer of a recording."""


@dataclass(frozen=True, eq=False)
class ClipDataset:
    """n clips for training or evaluation.

    Attributes:
        expressions: K names.
        clips: name of each clip.
        rows: of each clip, float32 (T, D): descriptors at 6 Hz; frames without a face repeat the last.
        labels: (n, K) share of the raters who saw the expression, in [0, 1]; NaN where nobody rated it.
        people: of each clip, the group of people that every split keeps together.
        digests: file name → SHA-256, as from `unique_names`.
        damage: defects of the files within the clips.
        mostly_stills: whether most of the clips never change; of a subset, whether most of the clips it was taken from
            do, so that all folds are trained alike. None: it is found out.
    """

    expressions: tuple[str, ...]
    clips: tuple[str, ...]
    rows: tuple[NDArray[np.float32], ...]
    labels: NDArray[np.float64]
    people: tuple[str, ...]
    digests: Mapping[str, str]
    damage: tuple[FileDamage, ...] = ()
    mostly_stills: bool | None = None

    def __post_init__(self) -> None:
        if self.mostly_stills is None:
            object.__setattr__(self, "mostly_stills", 2 * sum(map(is_still, self.rows)) > len(self.rows))

    def subset(self, indices: Sequence[int]) -> "ClipDataset":
        """The clips at these indices, in this order."""
        return ClipDataset(
            self.expressions,
            tuple(self.clips[i] for i in indices),
            tuple(self.rows[i] for i in indices),
            self.labels[list(indices)],
            tuple(self.people[i] for i in indices),
            self.digests,
            self.damage,
            self.mostly_stills,
        )


def is_still(rows: NDArray[np.float32]) -> bool:
    """Whether a clip, (T, D), never changes."""
    return bool((rows == rows[:1]).all())


def load_rated_clips(
    ratings: Ratings,
    root: Path,
    describes: tuple[str, ...],
    store: Path,
    *,
    by_name: bool = False,
    open_faces: Callable[[], ClipFaceDescriber] | None = None,
    progress: Progress = silent,
) -> tuple[ClipDataset, tuple[str, ...]]:
    """Compute the face descriptors of every rated clip, or read them from the cache.

    Args:
        ratings: labels of raters.
        root: folder that relative paths of the ratings refer to: of their table, or of the videos.
        describes: names of face descriptors, see `faces/descriptors.py`.
        store: cache folder; one file per clip.
        by_name: look for a missing path by its file name in `root`, as `evoked agree` does.
        open_faces: loads the models, when the first clip needs them.
        progress: called after each clip.

    Returns:
        The clips that can be used, and a line for each that cannot, with its reason.

    Raises:
        DatasetError: if none can be used.
        WeightsError: if model weights are missing.
        OutputError: if the cache cannot be written.
    """
    faces, digests = once(open_faces or (lambda: ClipFaceDescriber(describes))), _Digests()
    several = _several_viewers(ratings.clips)
    used: list[int] = []
    rows: list[NDArray[np.float32]] = []
    problems: list[str] = []
    damage: list[FileDamage] = []
    for i, clip in enumerate(ratings.clips):
        try:
            if viewers := several.get(clip.clip or clip.video):
                raise DatasetError(f"rated are {viewers}, learnt from is the largest face: cut out a video of each")
            described = _described(clip, _file_of(clip, root, by_name), describes, store, _ClipReader(faces, digests))
        except WeightsError:
            raise  # every clip would fail
        except EvokedError as error:
            problems.append(_problem(clip, root, error))
        else:
            used.append(i)
            track = described.track
            rows.append(np.concatenate([descriptors for _, descriptors in forward_fill(track, track.grid.steps + 1)]))
            damage.extend(of_file(clip.clip or clip.video, described.damage))
        progress(i + 1, len(ratings.clips))
    if not used:
        raise DatasetError(f"none of the {len(ratings.clips)} rated clips can be used; the first: {problems[0]}")
    return _dataset(ratings, used, rows, unique_names(digests.known), damage), tuple(problems)


def _dataset(
    ratings: Ratings,
    used: list[int],
    rows: list[NDArray[np.float32]],
    inputs: dict[str, str],
    damage: list[FileDamage],
) -> ClipDataset:
    """The clips that can be used: their numbers in the table of ratings, and the descriptors of each."""
    people = person_groups(ratings)
    return ClipDataset(
        ratings.expressions,
        tuple(str(ratings.clips[i]) for i in used),
        tuple(rows),
        ratings.merged("mean")[used],
        tuple(people[i] for i in used),
        inputs,
        tuple(dict.fromkeys(damage)),
    )


def _problem(clip: RatedClip, root: Path, error: EvokedError) -> str:
    """Why a clip cannot be used; its file as the table names it, as these lines are saved in the checkpoint."""
    name, message = clip.clip or clip.video, str(error)
    for path in (root / name, root / Path(name).name):
        message = message.replace(str(path), name)
    return message if str(clip) in message else f"{clip}: {message}"


def _several_viewers(clips: Sequence[RatedClip]) -> dict[str, str]:
    """Files in which several viewers are rated, or one who is not the first → their names.

    The largest face in such a file may be another viewer's, who would then get the wrong labels.
    """
    viewers: dict[str, set[str]] = {}
    for clip in clips:
        viewers.setdefault(clip.clip or clip.video, set()).update({clip.viewer} - {""})
    return {
        file: ", ".join(sorted(names))
        for file, names in viewers.items()
        if len(names) > 1 or any(re.fullmatch(r"v\d+", name) and name != FIRST for name in names)
    }


def _file_of(clip: RatedClip, root: Path, by_name: bool) -> Path:
    """The clip's file; DatasetError if there is none."""
    name = clip.clip or clip.video
    if clip.second >= 0:
        raise DatasetError(f"{name} second {clip.second} is of a content: rate spans of recordings (start_s, end_s)")
    path = root / name
    if by_name and not path.is_file():
        path = root / Path(name).name
    if not path.is_file():
        raise DatasetError(f"no clip at {path}: check the name, or say where the videos are (--videos FOLDER)")
    return path


def person_groups(ratings: Ratings) -> tuple[str, ...]:
    """Groups of clips that a split keeps together: of one person or of one video, and all that these link.

    Returns:
        A name per clip: of the person if the ratings name one, else of the video; of linked names the first.
    """
    person_names = ratings.groups.get("person", ("",) * len(ratings.clips))
    root_of: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        while root_of.setdefault(key, key) != key:
            key = root_of[key]
        return key

    keys = []
    for clip, person in zip(ratings.clips, person_names, strict=True):
        video = ("video", clip.video)
        keys.append(("person", person) if person else video)
        first, second = sorted((root(keys[-1]), root(video)))
        root_of[second] = first
    return tuple(" ".join(root(key)) for key in keys)


class _Digests:
    """SHA-256 of files, each computed once."""

    def __init__(self) -> None:
        self.known: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        if path not in self.known:
            self.known[path] = sha256(path)
        return self.known[path]


class _ClipReader(NamedTuple):
    """The face describer, loaded when the first clip needs it, and the digests of files."""

    open_faces: Callable[[], ClipFaceDescriber]
    digests: _Digests


def _described(
    clip: RatedClip,
    path: Path,
    describes: tuple[str, ...],
    store: Path,
    reader: _ClipReader,
) -> DescribedClip:
    faces, digests = reader
    start_s, end_s = max(0.0, clip.start_s), clip.end_s
    nets = {name: NETS[name].sha256 for name in models_of(describes)}
    key = digest([CODE_VERSION, digests.of(path), start_s, end_s, list(describes), nets])
    cache_file = store / key[:2] / f"{key}.safetensors"
    names = column_names(describes)
    if cache_file.is_file():
        try:
            arrays, text = read_arrays(cache_file)
            if "rows" not in arrays and text:
                raise DatasetError(text)  # the cached reason why the clip cannot be used
            grid = TimeGrid(ANNOTATION_FPS, len(arrays["valid"]))
            damage = tuple(Damage(**entry) for entry in parse_json(text or "[]"))
            return DescribedClip(Track.masked(grid, names, arrays["rows"], arrays["valid"]), damage)
        except (CheckpointError, KeyError, ValueError, TypeError):
            cache_file.unlink(missing_ok=True)  # damaged: compute again
    try:
        track, damage = faces()(path, start_s, end_s)
    except DatasetError as error:
        write_arrays(cache_file, {"valid": np.zeros(0, dtype=np.bool_)}, str(error))
        raise
    about = json.dumps(damage_dicts(damage)) if damage else ""
    write_arrays(cache_file, {"rows": np.nan_to_num(track.values), "valid": track.valid}, about)
    from_zero = Track(TimeGrid(ANNOTATION_FPS, track.grid.steps), track.names, track.values, track.valid)
    return DescribedClip(from_zero, damage)
