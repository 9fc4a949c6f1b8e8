"""Read LIRIS-ACCEDE: videos with valence and arousal over time, in the formats of its three releases (spec §8).

- MediaEval 2018: `MEDIAEVAL18_NN_Valence-Arousal.txt`; one header line; tabs; time, valence, arousal.
- MediaEval 2016/17: `NAME_Valence-Arousal.txt`; one header line; blanks; index, time, valence, arousal.
- Continuous, 2015: `NAME_Valence.txt` and `NAME_Arousal.txt`; header `Time Mean Std`; tabs.

`affect_table` reads one table. The format is detected from its columns, not from its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.expressions import AFFECT
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.affect_table import read_affect_table

__all__ = ["LEAST_ROWS", "LirisVideo", "LirisVideos", "read_liris"]

LEAST_ROWS = 60
"""Videos with fewer seconds are left out: less than one window of the content model (spec §7)."""
JOINT, SEPARATE = "_valence-arousal.txt", tuple(f"_{name}.txt" for name in AFFECT)


@dataclass(frozen=True, eq=False)
class LirisVideo:
    """The valence and arousal that viewers of one video reported.

    Attributes:
        name: the annotation files' name before the underscore and the quantity, e.g. MEDIAEVAL18_07.
        affect: valence and arousal in [−1, 1] at 1 Hz from second 0; not valid where the table has no number.
        notes: what was corrected, e.g. that one table is longer than the other.
    """

    name: str
    affect: Track
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LirisVideos:
    """All videos of a folder.

    Attributes:
        videos: name → video, in the order of the names.
        problems: a message for each video that is left out: which, why, what to do.
    """

    videos: dict[str, LirisVideo]
    problems: tuple[str, ...]


def read_liris(folder: Path) -> LirisVideos:
    """Read every annotation below a folder, of any release.

    Args:
        folder: searched with its subfolders.

    Returns:
        The videos, and a message for each that is left out.

    Raises:
        DatasetError: if there is no such folder, or none of its videos can be used.
    """
    if not folder.is_dir():
        raise DatasetError(f"no folder {folder}; give the one into which LIRIS-ACCEDE's annotations were unpacked")
    files: dict[str, list[Path]] = {}
    problems: list[str] = []
    for path in sorted(folder.rglob("*.txt")):
        if name := _video_name(path):
            files.setdefault(name, []).append(path)
    videos: dict[str, LirisVideo] = {}
    for name, paths in sorted(files.items()):
        try:
            videos[name] = _read_video(name, paths)
        except DatasetError as error:
            problems.append(f"left out: {error}")
    if not videos:
        why = problems[0] if problems else "nothing in it is named …_Valence-Arousal.txt or …_Valence.txt"
        raise DatasetError(f"no video of {folder} can be used: {why}")
    return LirisVideos(videos, tuple(problems))


def _video_name(path: Path) -> str | None:
    """The name of the video that a file annotates; None for a file of another kind."""
    for ending in (JOINT, *SEPARATE):
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)] or None
    return None


def _read_video(name: str, paths: Sequence[Path]) -> LirisVideo:
    by_ending = {path.name[len(name) :].lower(): path for path in paths}
    if len(by_ending) < len(paths):
        raise DatasetError(f"{name}: two files are called {paths[-1].name}; keep one of them")
    if JOINT in by_ending:
        table = read_affect_table(by_ending[JOINT], AFFECT)
        values, notes = table.values, list(table.notes)
    elif missing := [ending for ending in SEPARATE if ending not in by_ending]:
        raise DatasetError(f"{name}: {paths[0].name} is there and {name}{missing[0]} is not (upper or lower case)")
    else:
        values, notes = _read_separate(name, [by_ending[ending] for ending in SEPARATE])
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=1))
    if not valid.any():
        raise DatasetError(f"{name}: no row holds both valence and arousal")
    if (largest := float(np.abs(values[valid]).max())) > 1:
        raise DatasetError(f"{name}: values reach {largest:g}; valence and arousal must lie in −1 … 1")
    if (count := int(valid.sum())) < LEAST_ROWS:
        raise DatasetError(f"{name}: {count} seconds with a value; a video needs {LEAST_ROWS} or more")
    return LirisVideo(name, Track.masked(TimeGrid(Fraction(1), len(values)), AFFECT, values, valid), tuple(notes))


def _read_separate(name: str, paths: Sequence[Path]) -> tuple[NDArray[np.float64], list[str]]:
    """Valence and arousal (T, 2) from two tables, and notes; the last seconds of the longer one are cut."""
    tables = [read_affect_table(path, (quantity,)) for path, quantity in zip(paths, AFFECT, strict=True)]
    notes = [note for table in tables for note in table.notes]
    lengths = [len(table.values) for table in tables]
    steps = min(lengths)
    if len(set(lengths)) > 1:
        notes.append(f"{name}: valence has {lengths[0]} s and arousal {lengths[1]} s: cut to {steps} s")
    return np.concatenate([table.values[:steps] for table in tables], axis=1), notes
