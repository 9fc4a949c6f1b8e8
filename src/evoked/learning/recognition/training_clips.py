"""Rated clips as a recogniser learns from them: descriptions of a face, and what people said of it.

Describing faces is the long part, so each clip's descriptions are kept in a file of their own: work that was cut
off goes on from there, and a second training describes nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import CheckpointError, DatasetError, EvokedError, WeightsError
from evoked.core.files import digest, sha256
from evoked.core.progress import Progress, silent
from evoked.core.provenance import unique_names
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.dataset.ratings import RatedClip, Ratings
from evoked.faces.descriptors import column_names, models_of
from evoked.model.stored import read_arrays, write_arrays
from evoked.reactions.expressions.trained import forward_fill
from evoked.reactions.viewers.rated_clip import CODE_VERSION, ClipFaceDescriber
from evoked.weights.catalogue import NETS

__all__ = ["ClipDataset", "load_rated_clips", "person_groups"]

FIRST = "v1"
"""The viewer of a recording in which `evoked annotate` saw one."""


@dataclass(frozen=True, eq=False)
class ClipDataset:
    """Clips to learn from, or to score on; n of them.

    Attributes:
        expressions: K names.
        clips: what each is called.
        rows: of each, float32 (T, D): descriptions tick after tick; ticks without a face repeat the last.
        said: (n, K) share of its raters who saw the expression, in [0, 1]; NaN where nobody rated it.
        people: of each, the name of the group that stays on one side of every split.
        digests: file's name → sha256, as `told_apart` gives them.
    """

    expressions: tuple[str, ...]
    clips: tuple[str, ...]
    rows: tuple[NDArray[np.float32], ...]
    said: NDArray[np.float64]
    people: tuple[str, ...]
    digests: Mapping[str, str]

    def only(self, places: Sequence[int]) -> "ClipDataset":
        """Some of the clips, in the order given."""
        return ClipDataset(
            self.expressions,
            tuple(self.clips[i] for i in places),
            tuple(self.rows[i] for i in places),
            self.said[list(places)],
            tuple(self.people[i] for i in places),
            self.digests,
        )


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
    """Describe the face of every rated clip, or take it from the store.

    Args:
        ratings: what people said.
        root: what relative paths of the ratings stand against: the folder of their table, or of the videos.
        describes: names of `faces.describe`.
        store: a folder; a file per clip.
        by_name: a path that is not there is looked for by its file name in `root`, as `evoked agree` knows it.
        open_faces: loads the nets, when the first clip needs them.
        progress: told in clips.

    Returns:
        The clips that can be used, and a line for each that cannot, with its reason.

    Raises:
        DatasetError: if none can be used.
        WeightsError, OutputError: if nets cannot be had, or the store not be written.
    """
    faces = once(open_faces or (lambda: ClipFaceDescriber(describes)))
    said, people, digests = ratings.merged("mean"), person_groups(ratings), _Digests()
    several = _several(ratings.clips)
    kept: list[int] = []
    rows: list[NDArray[np.float32]] = []
    problems: list[str] = []
    for i, clip in enumerate(ratings.clips):
        try:
            if viewers := several.get(clip.clip or clip.video):
                raise DatasetError(f"rated are {viewers}, learnt from is the largest face: cut out a video of each")
            track = _described(clip, _file_of(clip, root, by_name), describes, store, _ClipReader(faces, digests))
        except WeightsError:
            raise  # it would fail them all
        except EvokedError as error:
            name, told = clip.clip or clip.video, str(error)
            for path in (root / name, root / Path(name).name):  # as the table names it: a checkpoint keeps these lines
                told = told.replace(str(path), name)
            problems.append(f"{clip}: {told}" if str(clip) not in told else told)
        else:
            kept.append(i)
            rows.append(np.concatenate([part for _, part in forward_fill(track, track.grid.steps + 1)]))
        progress(i + 1, len(ratings.clips))
    if not kept:
        raise DatasetError(f"none of the {len(ratings.clips)} rated clips can be used; the first: {problems[0]}")
    names = tuple(str(ratings.clips[i]) for i in kept)
    rated = ClipDataset(
        ratings.expressions, names, tuple(rows), said[kept], tuple(people[i] for i in kept), unique_names(digests.known)
    )
    return rated, tuple(problems)


def _several(clips: Sequence[RatedClip]) -> dict[str, str]:
    """Files of which several viewers are rated, or one who is not the first → their names.

    The largest face of such a picture may be another's, and what was said of one would be learnt of the other.
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
    """Who must stay together: clips of one person or of one video, and whatever these link.

    Returns:
        A name per clip: the person's where the ratings name one, else the video's; of linked ones the first.
    """
    persons = ratings.groups.get("person", ("",) * len(ratings.clips))
    chief: dict[tuple[str, str], tuple[str, str]] = {}

    def head(key: tuple[str, str]) -> tuple[str, str]:
        while chief.setdefault(key, key) != key:
            key = chief[key]
        return key

    keys = []
    for clip, person in zip(ratings.clips, persons, strict=True):
        video = ("video", clip.video)
        keys.append(("person", person) if person else video)
        one, other = sorted((head(keys[-1]), head(video)))
        chief[other] = one
    return tuple(" ".join(head(key)) for key in keys)


class _Digests:
    """sha256 of files, each read once."""

    def __init__(self) -> None:
        self.known: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        if path not in self.known:
            self.known[path] = sha256(path)
        return self.known[path]


class _ClipReader(NamedTuple):
    """What describes a clip's face, opened when the first clip needs it, and the digests of files."""

    open_faces: Callable[[], ClipFaceDescriber]
    digests: _Digests


def _described(
    clip: RatedClip,
    path: Path,
    describes: tuple[str, ...],
    store: Path,
    reader: _ClipReader,
) -> Track:
    faces, digests = reader
    start_s, end_s = max(0.0, clip.start_s), clip.end_s
    nets = {name: NETS[name].sha256 for name in models_of(describes)}
    key = digest([CODE_VERSION, digests.of(path), start_s, end_s, list(describes), nets])
    place = store / key[:2] / f"{key}.safetensors"
    names = column_names(describes)
    if place.is_file():
        try:
            arrays, text = read_arrays(place)
            if text:
                raise DatasetError(text)  # why it could not be used: that has not changed
            grid = TimeGrid(ANNOTATION_FPS, len(arrays["valid"]))
            return Track.masked(grid, names, arrays["rows"], arrays["valid"])
        except (CheckpointError, KeyError, ValueError):
            place.unlink(missing_ok=True)  # damaged: described again
    try:
        track = faces()(path, start_s, end_s)
    except DatasetError as error:
        write_arrays(place, {"valid": np.zeros(0, dtype=np.bool_)}, str(error))
        raise
    write_arrays(place, {"rows": np.nan_to_num(track.values), "valid": track.valid}, "")
    return Track(TimeGrid(ANNOTATION_FPS, track.grid.steps), track.names, track.values, track.valid)
