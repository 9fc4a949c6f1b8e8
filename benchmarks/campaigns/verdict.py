"""Whether a case's result differs from that of the whole file, and whether a reason is told."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaigns.limited import Outcome
from campaigns.verbs import SET, Verb, provenance_of

__all__ = ["NOTICEABLE", "Told", "difference", "ffmpeg_lines", "told_by"]

NOTICEABLE = 0.01
"""A result differs where rows or valid seconds do, or a value by more than this share of its range."""
RESULTS = ("no viewer was seen in it", "faces in a video that is on the screen", "plays ", "segment")
"""Parts of lines that describe the result and give no reason."""


@dataclass(frozen=True)
class Told:
    """What a command told of a file.

    Attributes:
        stderr: lines on standard error.
        recorded: lines in the provenance of its results.
    """

    stderr: frozenset[str]
    recorded: frozenset[str]


def told_by(outcome: Outcome, verb: Verb, folder: Path) -> Told:
    """What a command told, on standard error and in the provenance of its results.

    Args:
        outcome: of the command.
        verb: the command.
        folder: of the case.

    Returns:
        Lines; of the whole file too, so those of the damaged one must be compared with them.
    """
    lines = [line for line in outcome.err.splitlines() if _is_reason(line)]
    recorded: list[str] = []
    for provenance in provenance_of(verb, folder):
        recorded += [str(note) for note in provenance.get("notes", ())]
        recorded += [str(entry["text"]) for entry in provenance.get("damage", ())]
    return Told(
        frozenset(map(_plain, lines)), frozenset(_plain(line) for line in recorded if _is_reason(f"note: {line}"))
    )


def _is_reason(line: str) -> bool:
    begins = ("note: ", "evoked: ", "failed: ", "done: ", "left out: ", "Error: ")
    if line.startswith("done: ") and ": " not in line.removeprefix("done: "):
        return False
    return line.startswith(begins) and not any(part in line for part in RESULTS)


def _plain(line: str) -> str:
    """A line without how long a step took."""
    return re.sub(r" \(\d+\.\d s\)", "", line)


def difference(whole: Mapping[str, NDArray], damaged: Mapping[str, NDArray]) -> float:
    """How far a result is from that of the whole file.

    Args:
        whole: name → values, NaN where not valid.
        damaged: the same of the damaged file.

    Returns:
        0: the same to the bit; infinite: other names, rows or valid seconds; else the largest difference of a value as
        a share of the range of its array in the whole file (of a set: the share of members that are not in both).
    """
    if whole.keys() != damaged.keys():
        return float("inf")
    return max((_difference(name, whole[name], damaged[name]) for name in whole), default=0.0)


def _difference(name: str, whole: NDArray, damaged: NDArray) -> float:
    if name.endswith(SET):
        both, either = len(np.intersect1d(whole, damaged)), len(np.union1d(whole, damaged))
        return 1 - both / either if either else 0.0
    if whole.shape != damaged.shape or (np.isnan(whole) != np.isnan(damaged)).any():
        return float("inf")
    if not np.isfinite(whole).any():
        return 0.0
    values = whole[np.isfinite(whole)]
    apart = np.abs(whole - damaged)[np.isfinite(whole)].max()
    return float(apart / max(values.max() - values.min(), abs(values.max()), 1e-9))


def ffmpeg_lines(path: Path, whole: Path) -> tuple[str, ...]:
    """What ffmpeg says about a damaged file when it decodes it, and does not say about the whole one.

    Args:
        path: the damaged file.
        whole: the whole file.

    Returns:
        Its warnings and errors, three at most; empty: it finds nothing wrong.
    """
    usual = {_without_numbers(line) for line in _said_by_ffmpeg(whole)}
    return tuple(line for line in _said_by_ffmpeg(path) if _without_numbers(line) not in usual)[:3]


def _without_numbers(line: str) -> str:
    return re.sub(r"0x[0-9a-f]+|\d+", "", line)


def _said_by_ffmpeg(path: Path) -> tuple[str, ...]:
    command = ["ffmpeg", "-v", "warning", "-nostdin", "-threads", "1", "-i", str(path), "-map", "0:v?", "-map", "0:a?"]
    try:
        done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return ("hangs",)
    return tuple(line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip())
