"""Read LIRIS-ACCEDE: films with valence and arousal once a second, in the formats of its three releases (spec §8).

- MediaEval 2018: `MEDIAEVAL18_NN_Valence-Arousal.txt`; one header line; tabs; time, valence, arousal.
- MediaEval 2016/17: `NAME_Valence-Arousal.txt`; one header line; blanks; index, time, valence, arousal.
- Continuous, 2015: `FILM_Valence.txt` and `FILM_Arousal.txt`; header `Time Mean Std`; tabs.

The format is detected from the columns, not from the name. Row i is second i where rows are a second apart
(some tables count from 0, some from 1); where they are further apart each value is held until the next.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track

__all__ = ["AFFECT", "LEAST_ROWS", "PARTS", "SPLIT_2018", "LirisFilm", "LirisFilms", "read_liris", "split_of"]

AFFECT = ("valence", "arousal")
LEAST_ROWS = 60
"""Films with fewer rows are left out: less than one window of the content model (spec §7)."""
JOINT, SEPARATE = "_valence-arousal.txt", tuple(f"_{name}.txt" for name in AFFECT)
SPLIT_2018 = {"validate": range(14), "train": range(14, 54), "test": range(54, 66)}
"""MediaEval 2018 as in the paper: development part 1 is for validation, the rest of development for training."""
PARTS = ("train", "validate", "test")


@dataclass(frozen=True, eq=False)
class LirisFilm:
    """The valence and arousal that viewers of one film reported.

    Attributes:
        name: the annotation files' name before the underscore and the quantity, e.g. MEDIAEVAL18_07.
        affect: valence and arousal in [−1, 1] at 1 Hz; not valid where the table has no number.
        notes: what was corrected, e.g. that one table is a row longer than the other.
    """

    name: str
    affect: Track
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LirisFilms:
    """All films of a folder.

    Attributes:
        films: name → film, in the order of the names.
        problems: a message for each film that is left out: which, why, what to do.
    """

    films: dict[str, LirisFilm]
    problems: tuple[str, ...]


def read_liris(folder: Path) -> LirisFilms:
    """Read every annotation below a folder, of any release.

    Args:
        folder: searched with its subfolders.

    Returns:
        The films, and a message for each that is left out.

    Raises:
        DatasetError: if there is no such folder, or none of its films can be used.
    """
    if not folder.is_dir():
        raise DatasetError(f"no folder {folder}; give the one into which LIRIS-ACCEDE's annotations were unpacked")
    files: dict[str, list[Path]] = {}
    problems: list[str] = []
    for path in sorted(folder.rglob("*.txt")):
        if name := _film_name(path):
            files.setdefault(name, []).append(path)
    films: dict[str, LirisFilm] = {}
    for name, paths in sorted(files.items()):
        try:
            films[name] = _read_film(name, paths)
        except DatasetError as error:
            problems.append(f"left out: {error}")
    if not films:
        why = problems[0] if problems else "nothing in it is named …_Valence-Arousal.txt or …_Valence.txt"
        raise DatasetError(f"no film of {folder} can be used: {why}")
    return LirisFilms(films, tuple(problems))


def split_of(names: Sequence[str], seed: int = 0, shares: tuple[int, int, int] = (60, 15, 25)) -> dict[str, str]:
    """Split films into training, validation and test.

    MediaEval 2018 by its numbers (SPLIT_2018), as in the paper. Other releases, and MediaEval 2018 where a part would
    be empty, at random in these shares, with at least one film in each part.

    Args:
        names: of the films.
        seed: of the random assignment.
        shares: of train, validate and test, in any unit.

    Returns:
        Film → train, validate or test.

    Raises:
        DatasetError: for fewer than three films.
    """
    if len(names) < len(PARTS):
        raise DatasetError(f"{len(names)} films cannot be split into {', '.join(PARTS)}: at least three are needed")
    numbers = [re.fullmatch(r"MEDIAEVAL18_(\d+)", name, re.IGNORECASE) for name in names]
    if all(numbers):
        part_of = {number: name for name, numbers_of_part in SPLIT_2018.items() for number in numbers_of_part}
        split = {name: part_of.get(int(m[1]), "") for name, m in zip(names, numbers, strict=True) if m}
        if set(split.values()) == set(PARTS):
            return split
    shuffled = [sorted(names)[i] for i in np.random.default_rng(seed).permutation(len(names))]
    counts = [max(1, round(len(names) * share / sum(shares))) for share in shares[1:]]
    while sum(counts) > len(names) - 1:
        counts[counts.index(max(counts))] -= 1
    parts = ["train"] * (len(names) - sum(counts)) + ["validate"] * counts[0] + ["test"] * counts[1]
    return dict(zip(shuffled, parts, strict=True))


def _film_name(path: Path) -> str | None:
    """The name of the film that a file annotates; None for a file of another kind."""
    for ending in (JOINT, *SEPARATE):
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)] or None
    return None


def _read_film(name: str, paths: list[Path]) -> LirisFilm:
    by_ending = {path.name[len(name) :].lower(): path for path in paths}
    if len(by_ending) < len(paths):
        raise DatasetError(f"{name}: two files are called {paths[-1].name}; keep one of them")
    if JOINT in by_ending:
        values, notes = _read_joint(by_ending[JOINT])
    elif missing := [ending for ending in SEPARATE if ending not in by_ending]:
        raise DatasetError(f"{name}: {paths[0].name} is there and {name}{missing[0]} is not (upper or lower case)")
    else:
        values, notes = _read_separate(name, [by_ending[ending] for ending in SEPARATE])
    if len(values) < LEAST_ROWS:
        raise DatasetError(f"{name}: {len(values)} rows; a film needs {LEAST_ROWS} or more")
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=1))
    if not valid.any():
        raise DatasetError(f"{name}: no row holds both valence and arousal")
    if (largest := float(np.abs(values[valid]).max())) > 1:
        raise DatasetError(f"{name}: values reach {largest:g}; valence and arousal must lie in −1 … 1")
    if not valid.all():
        notes = (*notes, f"{name}: {int((~valid).sum())} rows without a number are not used")
    return LirisFilm(name, Track.masked(TimeGrid(Fraction(1), len(values)), AFFECT, values, valid), notes)


def _read_joint(path: Path) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Valence and arousal (T, 2) from one table."""
    rows = _rows(path, lambda columns: columns in (3, 4), "time, valence, arousal (with an index before, or not)")
    return _at_seconds(path, rows[:, -3], rows[:, -2:])


def _read_separate(name: str, paths: list[Path]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Valence and arousal (T, 2) from two tables; the last rows of the longer one are cut."""
    series: list[NDArray[np.float64]] = []
    notes: list[str] = []
    for path in paths:
        rows = _rows(path, lambda columns: columns in (2, 3), "time, mean, deviation")
        values, dropped = _at_seconds(path, rows[:, 0], rows[:, 1:2])
        series.append(values[:, 0])
        notes += dropped
    lengths = [len(s) for s in series]
    steps = min(lengths)
    if len(set(lengths)) > 1:
        notes.append(f"{name}: valence has {lengths[0]} rows and arousal {lengths[1]}: cut to {steps}")
    return np.stack([s[:steps] for s in series], axis=1), tuple(notes)


def _at_seconds(
    path: Path, times: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Rows at their times → one row a second, and notes."""
    if not np.isfinite(times).all() or (len(times) > 1 and not (np.diff(times) > 0).all()):
        raise DatasetError(
            f"{path.name}: its times do not rise from row to row; it is damaged or another kind of table"
        )
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    if abs(interval - 1) < 0.05:
        return values, ()
    seconds = np.arange(times[0], times[-1] + interval)
    held = values[np.searchsorted(times, seconds + 1e-6, side="right") - 1]
    before = np.full((math.floor(times[0]) if times[0] > interval else 0, values.shape[1]), np.nan)
    return np.concatenate([before, held]), (f"{path.name}: a row every {interval:g} s: each is held until the next",)


def _rows(path: Path, accepts: Callable[[int], bool], expected: str) -> NDArray[np.float64]:
    """Numbers below the header line, (rows, columns); NaN for a cell that is not a number."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path.name} cannot be read as text: {error}") from error
    cells = [line.replace(",", ".").split() for line in lines[1:] if line.strip()]
    if not cells:
        raise DatasetError(f"{path.name} holds no row below its header")
    columns = len(cells[0])
    if not accepts(columns):
        raise DatasetError(f"{path.name} has {columns} columns, expected {expected}")
    for number, row in enumerate(cells, start=2):
        if len(row) != columns:
            raise DatasetError(
                f"{path.name} row {number} has {len(row)} columns, the first has {columns}; it is damaged"
            )
    return np.array([[_number(cell) for cell in row] for row in cells])


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan
