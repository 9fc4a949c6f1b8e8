"""Which of many contents share hashes with a sound: one table for all of them.

Each hash's key leads to the places where it stands, in all contents. Only one key in KEEP_ONE_IN is kept, the
same ones for everybody, so a content of ten minutes takes some 250 kB; what is looked up is a few stretches,
so a search costs the same few thousand look-ups however many contents there are, and what grows with their
number is the chance hits alone: some thousands for each content.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.reactions.alignment.audio.fingerprints import AudioFingerprint, fingerprint, key_limit
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.speed_pitch import SpeedPitch, StretchPeaks, speed_pitch_grid, stretch_peaks

__all__ = ["KEEP_ONE_IN", "FingerprintPostings", "InvertedIndex", "build_index", "count_keys", "postings_of"]

KEEP_ONE_IN = 16  # one key in so many
HASH_MULTIPLIER = 2654435761  # Knuth's multiplier: which keys are kept has nothing to do with pitch
PROBES = 12  # stretches of the reaction that are looked up …
PROBE_S = 10.0  # … and how long each is
MAX_SPREAD_FRAMES = 2  # frames either way on which one offset's hashes may lie
MIN_HASHES = 5  # hashes at one offset of one stretch, or it is chance
MAX_PER_CONTENT = 40.0  # hashes that stand more often than this per content say nothing
CLEAR_VOTES = 60  # votes at which no other speed needs to be tried …
MIN_VOTE_RATIO = 3.0  # … if the next content has less than one in so many


@dataclass(frozen=True, eq=False)
class FingerprintPostings:
    """A content's kept hashes, ascending by key.

    Attributes:
        keys, frames: int32, shape (n,).
        total: frames that the content is long.
    """

    keys: NDArray[np.int32]
    frames: NDArray[np.int32]
    total: int


def postings_of(prints: AudioFingerprint) -> FingerprintPostings:
    """The hashes that an index keeps."""
    kept = (prints.index.astype(np.uint64) * np.uint64(HASH_MULTIPLIER) % np.uint64(2**32)) < np.uint64(
        2**32 // KEEP_ONE_IN
    )
    return FingerprintPostings(prints.index[kept], prints.index_frames[kept], prints.frames_total)


@dataclass(frozen=True, eq=False)
class InvertedIndex:
    """Where each key stands, in all contents.

    Attributes:
        names: the contents.
        starts: int64, shape (keys + 1,): key k's places are places[starts[k]:starts[k + 1]].
        places: uint64, shape (n,): content's number · 2³² + frame.
        hz: samples per second of the sounds.
    """

    names: tuple[str, ...]
    starts: NDArray[np.int64]
    places: NDArray[np.uint64]
    hz: int

    def ranked(self, sound: Samples, changes: Sequence[SpeedPitch] | None = None) -> list[tuple[str, int]]:
        """Contents with the hashes they share at one offset, most first; those with none are left out.

        Args:
            sound: float32, shape (samples,), mono at hz.
            changes: changes of speed and pitch that are undone where nothing is found without; None: all usual ones.
        """
        probes = _probes(sound, self.hz)
        best = self._votes(fingerprint(probe, self.hz) for probe in probes)
        if _is_clear(best):
            return self._named(best)
        peaks_at: dict[float, list[StretchPeaks]] = {}
        for change in speed_pitch_grid(0.06, 2.0) if changes is None else changes:
            if change.pitch not in peaks_at:
                peaks_at[change.pitch] = [stretch_peaks(probe, self.hz, change.pitch) for probe in probes]
            votes = self._votes(p.fingerprint_at(change.speed) for p in peaks_at[change.pitch])
            if votes.max(initial=0) > best.max(initial=0):
                best = votes
        return self._named(best)

    def _named(self, votes: NDArray[np.int64]) -> list[tuple[str, int]]:
        ranking = [(name, int(n)) for name, n in zip(self.names, votes, strict=True) if n]
        return sorted(ranking, key=lambda item: (-item[1], item[0]))

    def _votes(self, probes: Iterable[AudioFingerprint]) -> NDArray[np.int64]:
        """For each content, the hashes at its best offset, summed over the stretches."""
        votes = np.zeros(len(self.names), np.int64)
        for probe in probes:
            marks = postings_of(probe)
            first, past = self.starts[marks.keys], self.starts[marks.keys + 1]
            count = past - first
            count[count > MAX_PER_CONTENT * max(1, len(self.names))] = 0
            mine = np.repeat(np.arange(len(count)), count)
            step = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count, count)
            places = self.places[first[mine] + step]
            content = (places >> np.uint64(32)).astype(np.int64)
            frame = (places & np.uint64(0xFFFFFFFF)).astype(np.int64)
            offset = frame - marks.frames[mine] + probe.frames_total
            valid = (content < len(self.names)) & (offset >= 0)  # damage in a file costs votes, never the run
            self._count(content[valid], offset[valid], votes)
        return votes

    @staticmethod
    def _count(content: NDArray[np.int64], offset: NDArray[np.int64], votes: NDArray[np.int64]) -> None:
        """Add each content's most hits at one offset (± MAX_SPREAD_FRAMES frames), if they are no chance."""
        spots, counts = np.unique((content << 32) + offset, return_counts=True)
        sums = np.concatenate([[0], np.cumsum(counts)])
        around = (
            sums[np.searchsorted(spots, spots + MAX_SPREAD_FRAMES, "right")]
            - sums[np.searchsorted(spots, spots - MAX_SPREAD_FRAMES)]
        )
        likely = around >= MIN_HASHES
        most = np.zeros_like(votes)
        np.maximum.at(most, spots[likely] >> 32, around[likely])
        votes += most


def build_index(
    names: Sequence[str],
    marks: Iterable[FingerprintPostings],
    sizes: NDArray[np.int64],
    hz: int,
    out: Path | None = None,
) -> InvertedIndex:
    """Gather the marks of many contents into one index.

    Args:
        names: one for each of `marks`.
        marks: gone through once, in the order of the names.
        sizes: int64, shape (keys,): how often each key occurs in all of them, see `count_keys`.
        out: file that `places` is written to and mapped from; None: held in memory.

    Memory is that of the largest content if `out` is given.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    total = int(starts[-1])
    places: NDArray[np.uint64] = (
        np.zeros(total, np.uint64)
        if out is None
        else np.lib.format.open_memmap(out, mode="w+", dtype=np.uint64, shape=(total,))
    )
    fill = starts[:-1].copy()
    for number, one in enumerate(marks):
        keys, first, count = np.unique(one.keys, return_index=True, return_counts=True)
        rank = np.arange(len(one.keys)) - np.repeat(first, count)
        places[fill[one.keys] + rank] = (np.uint64(number) << np.uint64(32)) + one.frames.astype(np.uint64)
        fill[keys] += count
    if isinstance(places, np.memmap):
        places.flush()
    return InvertedIndex(tuple(names), starts, places, hz)


def count_keys(marks: Iterable[FingerprintPostings], hz: int) -> NDArray[np.int64]:
    """How often each key occurs in all of them, shape (keys,)."""
    counts = np.zeros(key_limit(hz), np.int64)
    for one in marks:
        counts += np.bincount(one.keys, minlength=len(counts))
    return counts


def _is_clear(votes: NDArray[np.int64]) -> bool:
    most = np.sort(votes)[::-1]
    return len(most) > 0 and most[0] >= CLEAR_VOTES and (len(most) == 1 or most[0] >= MIN_VOTE_RATIO * most[1])


def _probes(sound: Samples, hz: int) -> list[Samples]:
    length = round(PROBE_S * hz)
    count = min(PROBES, max(1, len(sound) // length))
    starts = np.linspace(0, max(0, len(sound) - length), count).astype(np.int64)
    return [sound[s : s + length] for s in starts]
