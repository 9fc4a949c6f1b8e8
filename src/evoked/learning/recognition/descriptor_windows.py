"""Windows of face descriptors that a recogniser is trained and scored on: clips as they are, stills in motion.

A still that is repeated for 3 s is a window that never changes. An LSTM that has seen no other windows need not heed
the last frames more than the first: it follows a face that changes one to two seconds late, and misses short smiles.
A still's training windows therefore begin in other states (of the same person where there are any) and end in the
rated still, which is held for one frame to 3 s; a quarter are the still alone. See docs/recogniser.md for the
experiment.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evoked.learning.recognition.training_clips import ClipDataset, is_still
from evoked.model.recognition import RecognitionConfig, RecognitionForward

__all__ = ["TrainingWindows", "descriptor_window", "moving_clips", "window_scores"]

Rows = NDArray[np.float32]

ALONE = 0.25
"""Share of a still's windows that never change."""
SAME_PERSON = 0.5
"""Share of the earlier states that are of the still's person, where the person has others."""
ONE_CHANGE = 0.7
"""Share of the earlier states that last from the window's start; the others begin within it."""
RAMP = 2
"""Most frames that a change takes."""
NOISE = 0.5
"""Largest noise of the frames of a window, in standard deviations of each column over the clips."""
LEAST_WINDOWS = 500
"""Windows of an epoch at least, if most clips are stills: with 168 stills and one window of each, an epoch has three
batches, and early stopping counts epochs."""
VALIDATION_WINDOWS = 3
"""Windows of each clip that the validation loss is computed on."""


class TrainingWindows:
    """Draws a window of each clip: of a still a moving one, of other clips as `descriptor_window`.

    Args:
        clips: the clips.
        ticks: frames in a window.
        moving: False for windows of stills that never change.

    Attributes:
        draws: how often an epoch draws each clip.
    """

    def __init__(self, clips: ClipDataset, ticks: int, *, moving: bool = True) -> None:
        self._rows, self._ticks = clips.rows, ticks
        self._still = [moving and is_still(rows) for rows in clips.rows]
        self.draws = math.ceil(LEAST_WINDOWS / len(clips.rows)) if clips.mostly_stills else 1
        if any(self._still):
            self._states = np.stack([rows[len(rows) // 2] for rows in clips.rows])
            self._noise = NOISE * self._states.std(axis=0)
            people = np.array(clips.people)
            self._of_person = {person: np.flatnonzero(people == person) for person in set(clips.people)}
            self._people = clips.people

    def __len__(self) -> int:
        """Number of clips."""
        return len(self._rows)

    def epoch(self, random: np.random.Generator) -> NDArray[np.int64]:
        """Indices of the clips in the order of an epoch, each `draws` times."""
        return np.concatenate([random.permutation(len(self._rows)) for _ in range(self.draws)])

    def __call__(self, clip: int, random: np.random.Generator) -> Rows:
        """A window of a clip.

        Args:
            clip: its index.
            random: chooses the window.

        Returns:
            (ticks, D).
        """
        if not self._still[clip]:
            return descriptor_window(self._rows[clip], self._ticks, random)
        return self._moving(clip, random)

    def _moving(self, clip: int, random: np.random.Generator) -> Rows:
        window = np.repeat(self._rows[clip][:1], self._ticks, axis=0)
        # squared: half of the stills are held for less than a quarter of the window, so that the last frames count
        end = 0 if random.random() < ALONE else self._ticks - math.ceil(self._ticks * random.random() ** 2)
        while end > 0:
            state = self._states[self._other(clip, random)]
            start = 0 if random.random() < ONE_CHANGE else int(random.integers(0, end))
            window[start:end] = state
            ramp = min(int(random.integers(0, RAMP + 1)), end - start)
            for step in range(1, ramp + 1):  # from the last frame before the change backwards
                window[end - step] += (window[end] - state) * (ramp + 1 - step) / (ramp + 1)
            end = start
        noise = random.random() * self._noise * random.standard_normal(window.shape)
        return np.asarray(window + noise, dtype=np.float32)

    def _other(self, clip: int, random: np.random.Generator) -> int:
        """The index of another clip, often one of the same person."""
        same = self._of_person[self._people[clip]]
        if len(same) > 1 and random.random() < SAME_PERSON:
            return int(random.choice(same[same != clip]))
        return int(random.integers(len(self._rows)))


def moving_clips(clips: ClipDataset, ticks: int, seed: int, *, moving: bool = True) -> ClipDataset:
    """Clips for a validation loss that also tells whether a network follows changes.

    Args:
        clips: clips, stills among them.
        ticks: frames in a window.
        seed: of the windows.
        moving: False for the clips as they are.

    Returns:
        Three moving windows of each still, and other clips three times; the clips themselves if none is a still.
    """
    still = [moving and is_still(rows) for rows in clips.rows]
    if not any(still):
        return clips
    windows, random = TrainingWindows(clips, ticks), np.random.default_rng([seed, 2])
    index = [i for i in range(len(clips.rows)) for _ in range(VALIDATION_WINDOWS)]
    drawn = clips.subset(index)
    rows = tuple(windows(i, random) if still[i] else clips.rows[i] for i in index)
    return replace(drawn, rows=rows)


def descriptor_window(rows: Rows, ticks: int, random: np.random.Generator) -> Rows:
    """One window of a clip: its end, padded with its first row; of a longer clip a random window.

    Args:
        rows: (T, D) descriptors at 6 Hz.
        ticks: frames in the window.
        random: chooses the window.

    Returns:
        (ticks, D).
    """
    end = len(rows) if len(rows) <= ticks else int(random.integers(ticks, len(rows) + 1))
    taken = rows[max(0, end - ticks) : end]
    return np.concatenate([np.repeat(taken[:1], ticks - len(taken), axis=0), taken])


def window_scores(shape: RecognitionConfig, arrays: dict[str, Rows], clips: Sequence[Rows]) -> NDArray[np.float64]:
    """Score each clip as the mean over all windows inside it; a short clip has one window.

    Args:
        shape: the network's shape.
        arrays: its weights, by name.
        clips: (T, D) descriptors of each clip.

    Returns:
        (n, K) in [0, 1].
    """
    windows = [_windows_of(rows, shape.ticks) for rows in clips]
    p = RecognitionForward(shape, arrays).windows(np.concatenate(windows)).astype(np.float64)
    ends = np.cumsum([len(clip_windows) for clip_windows in windows])
    return np.stack([clip_scores.mean(axis=0) for clip_scores in np.split(p, ends[:-1])])


def _windows_of(rows: Rows, ticks: int) -> Rows:
    """Every window inside a clip, (n, ticks, D); of a short clip one, padded with its first row."""
    short = ticks - len(rows)
    padded = np.concatenate([np.repeat(rows[:1], short, axis=0), rows]) if short > 0 else rows
    return np.lib.stride_tricks.sliding_window_view(padded, ticks, axis=0).transpose(0, 2, 1)
