"""Inverted index of the hashes of many contents.

Each key of a hash maps to its postings: the contents and frames where it occurs. Only one key in KEEP_ONE_IN is kept,
the same ones in all sounds, so a content of ten minutes takes about 250 kB. Only a few stretches of a reaction are
looked up, so a search costs a few thousand look-ups for any number of contents; only chance hits grow with their
number, by some thousands for each.
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

KEEP_ONE_IN = 16  # one key in so many is kept
HASH_MULTIPLIER = 2654435761  # Knuth's multiplier: the choice of keys does not depend on pitch
PROBES = 12  # stretches of the reaction that are looked up …
PROBE_S = 10.0  # … and the length of each
MAX_SPREAD_FRAMES = 2  # frames either way over which the hashes of one offset may spread
MIN_HASHES = 5  # hashes at one offset of one stretch below which they are chance
MAX_PER_CONTENT = 40.0  # keys that occur more often than this per content are ignored
CLEAR_VOTES = 60  # votes from which on no other speed is tried …
MIN_VOTE_RATIO = 3.0  # … if they are so many times those of the next content


@dataclass(frozen=True, eq=False)
class FingerprintPostings:
    """A content's kept hashes, ascending by key.

    Attributes:
        keys: int32, shape (n,).
        frames: int32, shape (n,): frame of each hash.
        total: length of the content, in frames.
    """

    keys: NDArray[np.int32]
    frames: NDArray[np.int32]
    total: int


def postings_of(prints: AudioFingerprint) -> FingerprintPostings:
    """The hashes that an index keeps."""
    keep = (prints.index.astype(np.uint64) * np.uint64(HASH_MULTIPLIER) % np.uint64(2**32)) < np.uint64(
        2**32 // KEEP_ONE_IN
    )
    return FingerprintPostings(prints.index[keep], prints.index_frames[keep], prints.frames_total)


@dataclass(frozen=True, eq=False)
class InvertedIndex:
    """The postings of each key, in all contents.

    Attributes:
        names: of the contents.
        starts: int64, shape (keys + 1,): key k's places are places[starts[k]:starts[k + 1]].
        places: uint64, shape (n,): number of the content · 2³² + frame.
        hz: samples per second of the sounds.
    """

    names: tuple[str, ...]
    starts: NDArray[np.int64]
    places: NDArray[np.uint64]
    hz: int

    def ranked(self, sound: Samples, changes: Sequence[SpeedPitch] | None = None) -> list[tuple[str, int]]:
        """Contents with their number of shared hashes at one offset, most first; those without any are left out.

        Args:
            sound: float32, shape (samples,), mono at hz.
            changes: changes of speed and pitch that are undone where the unchanged sound gives no clear result;
                None: up to 6 % and two semitones.

        Returns:
            (name, shared hashes).
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
            postings = postings_of(probe)
            first, past = self.starts[postings.keys], self.starts[postings.keys + 1]
            count = past - first
            count[count > MAX_PER_CONTENT * max(1, len(self.names))] = 0
            row = np.repeat(np.arange(len(count)), count)
            step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
            places = self.places[first[row] + step]
            content = (places >> np.uint64(32)).astype(np.int64)
            frame = (places & np.uint64(0xFFFFFFFF)).astype(np.int64)
            offset = frame - postings.frames[row] + probe.frames_total
            valid = (content < len(self.names)) & (offset >= 0)  # a damaged index costs votes, but raises nothing
            self._count(content[valid], offset[valid], votes)
        return votes

    @staticmethod
    def _count(content: NDArray[np.int64], offset: NDArray[np.int64], votes: NDArray[np.int64]) -> None:
        """Add the most hits of each content at one offset (± MAX_SPREAD_FRAMES frames), if they exceed chance."""
        places, counts = np.unique((content << 32) + offset, return_counts=True)
        sums = np.concatenate([[0], np.cumsum(counts)])
        around = (
            sums[np.searchsorted(places, places + MAX_SPREAD_FRAMES, "right")]
            - sums[np.searchsorted(places, places - MAX_SPREAD_FRAMES)]
        )
        likely = around >= MIN_HASHES
        most = np.zeros_like(votes)
        np.maximum.at(most, places[likely] >> 32, around[likely])
        votes += most


def build_index(
    names: Sequence[str],
    postings: Iterable[FingerprintPostings],
    sizes: NDArray[np.int64],
    hz: int,
    out: Path | None = None,
) -> InvertedIndex:
    """Merge the postings of many contents into one index.

    Memory is that of the largest content if `out` is given.

    Args:
        names: of the contents.
        postings: of each content, in the order of the names; iterated once.
        sizes: int64, shape (keys,): number of occurrences of each key in all of them, see `count_keys`.
        hz: samples per second of the sounds.
        out: file that `places` is written to and mapped from; None: in memory.

    Returns:
        The index.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    total = int(starts[-1])
    places: NDArray[np.uint64] = (
        np.zeros(total, np.uint64)
        if out is None
        else np.lib.format.open_memmap(out, mode="w+", dtype=np.uint64, shape=(total,))
    )
    fill = starts[:-1].copy()
    for number, of_content in enumerate(postings):
        keys, first, count = np.unique(of_content.keys, return_index=True, return_counts=True)
        rank = np.arange(len(of_content.keys)) - np.repeat(first, count)
        places[fill[of_content.keys] + rank] = (np.uint64(number) << np.uint64(32)) + of_content.frames.astype(
            np.uint64
        )
        fill[keys] += count
    if isinstance(places, np.memmap):
        places.flush()
    return InvertedIndex(tuple(names), starts, places, hz)


def count_keys(postings: Iterable[FingerprintPostings], hz: int) -> NDArray[np.int64]:
    """Number of occurrences of each key in all contents.

    Args:
        postings: of each content; iterated once.
        hz: samples per second of the sounds.

    Returns:
        int64, shape (keys,).
    """
    counts = np.zeros(key_limit(hz), np.int64)
    for of_content in postings:
        counts += np.bincount(of_content.keys, minlength=len(counts))
    return counts


def _is_clear(votes: NDArray[np.int64]) -> bool:
    most = np.sort(votes)[::-1]
    return len(most) > 0 and most[0] >= CLEAR_VOTES and (len(most) == 1 or most[0] >= MIN_VOTE_RATIO * most[1])


def _probes(sound: Samples, hz: int) -> list[Samples]:
    length = round(PROBE_S * hz)
    count = min(PROBES, max(1, len(sound) // length))
    starts = np.linspace(0, max(0, len(sound) - length), count).astype(np.int64)
    return [sound[s : s + length] for s in starts]
