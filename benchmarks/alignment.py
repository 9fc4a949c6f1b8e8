"""How well and how fast a reaction is aligned by sound: planted offsets in real film sound, and wrong pairs.

    python benchmarks/alignment.py [--trials N] [--wrong N] [--hours H]

Each trial plants a stretch of 60 to 150 s of Big Buck Bunny with a late start, a pause and a skip at places
drawn at random, then does to it what the row says. Errors are over every covered tenth of a second whose
truth is known. Wrong pairs are two parts of the same film, whose music and effects recur: the hardest there
are. The film is fetched by package name into the cache.
"""

import argparse
import platform
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import AlignmentError
from evoked.media.play import sound
from evoked.reactions.align import align
from evoked.reactions.offsets import OffsetMap
from evoked.stage.sounds import murmur
from evoked.weights.cache import default_cache

HZ = 8000
Samples = NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Planted:
    """A reaction and its truth: (content start, content end, offset) in seconds."""

    reaction: Samples
    content: Samples
    truth: list[tuple[float, float, float]]


def planted(film: Samples, rng: Rng) -> Planted:
    """The film with a late start, one pause and one skip; starts are no whole number of samples' hops."""
    length, first = int(rng.uniform(60, 150) * HZ), int(rng.uniform(0, 400) * HZ)
    content = film[first : first + length]
    pause, skip = (int(rng.uniform(a, b) * length) for a, b in ((0.2, 0.4), (0.6, 0.8)))
    late, long, skipped = (int(rng.uniform(a, b) * HZ) for a, b in ((0, 8), (1, 12), (2, 8)))
    quiet = [_quiet(n, rng) for n in (late, long, HZ)]
    parts = [quiet[0], content[:pause], quiet[1], content[pause:skip], content[skip + skipped :], quiet[2]]
    spans = [(0, pause, late), (pause, skip, late + long), (skip + skipped, length, late + long - skipped)]
    return Planted(np.concatenate(parts), content, [(a / HZ, b / HZ, c / HZ) for a, b, c in spans])


def _quiet(samples: int, rng: Rng) -> Samples:
    return (0.002 * rng.standard_normal(samples)).astype(np.float32)


def over(sound_: Samples, other: Samples, db: float) -> Samples:
    """The film `db` decibels above another sound that is laid on it."""
    return sound_ + other * np.float32(sound_.std() / max(1e-9, other.std()) * 10 ** (-db / 20))


def voice(sound_: Samples, rng: Rng) -> Samples:
    return murmur(len(sound_), rng).astype(np.float32)


def white(sound_: Samples, rng: Rng) -> Samples:
    return rng.standard_normal(len(sound_)).astype(np.float32)


def room(sound_: Samples, rng: Rng, seconds: float, loud: float) -> Samples:
    """An echo that falls by 60 dB in `seconds`, with `loud` times the energy of the direct sound."""
    n = round(seconds * HZ)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail *= np.sqrt(loud / np.sum(tail**2))
    tail[0] = 1
    size = len(sound_) + n
    return np.fft.irfft(np.fft.rfft(sound_, n=size) * np.fft.rfft(tail, n=size), n=size)[: len(sound_)].astype(
        np.float32
    )


def clock(sound_: Samples, ppm: float) -> Samples:
    return np.interp(np.arange(len(sound_)) * (1 + ppm * 1e-6), np.arange(len(sound_)), sound_).astype(np.float32)


CONDITIONS: dict[str, Callable[[Samples, Rng], Samples]] = {
    "as it is": lambda x, _: x,
    "voice, equally loud": lambda x, r: over(x, voice(x, r), 0),
    "film 12 dB under a voice": lambda x, r: over(x, voice(x, r), -12),
    "white noise, equally loud": lambda x, r: over(x, white(x, r), 0),
    "film 6 dB under white noise": lambda x, r: over(x, white(x, r), -6),
    "film 12 dB under white noise": lambda x, r: over(x, white(x, r), -12),
    "room, 0.4 s": lambda x, r: room(x, r, 0.4, 1),
    "room, 0.6 s, far, and a voice": lambda x, r: over(room(x, r, 0.6, 3), voice(x, r), -3),
    "clock off by 50 ppm, voice": lambda x, r: over(clock(x, 50), voice(x, r), 0),
    "clipped": lambda x, _: np.clip(x * 8, -0.5, 0.5),
}


def measured(found: OffsetMap, truth: list[tuple[float, float, float]], ppm: float) -> tuple[list[float], float, float]:
    """Errors in ms at covered tenths of seconds, share of true seconds covered, seconds covered wrongly."""
    errors, seen, of = [], 0, 0
    for start, end, offset in truth:
        for c in np.arange(start + 0.05, end, 0.1):
            at, of = found.reaction_time(c), of + 1
            if at is not None:
                errors.append(abs(at - (c + offset) / (1 + ppm * 1e-6)) * 1000)
                seen += 1
    right = sum(e < 100 for e in errors)
    beyond = max(0.0, found.covered_s - seen * 0.1)
    return [e for e in errors if e < 100], right / of, (seen - right) * 0.1 + beyond


def row(name: str, film: Samples, trials: int) -> str:
    """One line of the table."""
    rng, errors, shares, wrong, refused = np.random.default_rng(5), [], [], 0.0, 0
    ppm = 50.0 if "ppm" in name else 0.0
    for _ in range(trials):
        trial = planted(film, rng)
        try:
            found = align(CONDITIONS[name](trial.reaction, rng).astype(np.float32), trial.content, HZ)
        except AlignmentError:
            refused += 1
            continue
        own, share, false = measured(found, trial.truth, ppm)
        errors += own
        shares.append(share)
        wrong += false
    if not errors:
        return f"| {name} | – | – | – | – | {refused} of {trials} |"
    median, high = np.percentile(errors, [50, 95])
    return (
        f"| {name} | {median:.2f} ms | {high:.2f} ms | {100 * np.mean(shares):.1f} % | "
        f"{wrong / max(1, len(shares)):.2f} s | {refused} of {trials} |"
    )


def wrong_pairs(film: Samples, count: int) -> Iterator[tuple[float, float, OffsetMap]]:
    """Pairs of parts of the film that do not overlap, and are nevertheless accepted."""
    rng, done = np.random.default_rng(6), 0
    while done < count:
        n, m = int(rng.uniform(20, 120) * HZ), int(rng.uniform(40, 240) * HZ)
        a, b = int(rng.integers(0, len(film) - n)), int(rng.integers(0, len(film) - m))
        if a + n < b or b + m < a:
            done += 1
            try:
                yield a / HZ, b / HZ, align(film[a : a + n], film[b : b + m], HZ)
            except AlignmentError:
                continue


def speed(film: Samples, hours: float) -> str:
    """Seconds and memory for a reaction of so many hours against a content as long, each second of it new."""
    need, parts, at = int(hours * 3600 * HZ), [], 0
    while sum(map(len, parts)) < need:
        pitch = 1 + 0.07 * (at // 2 + 1) * (1 if at % 2 else -1) if at else 1.0
        parts.append(np.interp(np.arange(0, len(film) - 1, pitch), np.arange(len(film)), film).astype(np.float32))
        at += 1
    content = np.concatenate(parts)[:need]
    reaction = np.concatenate([voice(film[: 12 * HZ], np.random.default_rng(1)), content])[:need]
    wall, cpu = time.perf_counter(), time.process_time()
    found = align(reaction, content, HZ)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = f"{wall:.1f} s ({cpu:.1f} s of CPU), {held:.0f} MB"
    return f"{hours:g} h against {hours:g} h: {took}, covered {found.covered_s:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10, help="reactions per condition")
    parser.add_argument("--wrong", type=int, default=100, help="wrong pairs")
    parser.add_argument("--hours", type=float, default=1.0, help="length of the speed trial; 0: none")
    asked = parser.parse_args()
    film = sound(default_cache().clip("bbb.mp4"), HZ)
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}\n")
    print("| condition | median error | 95th percentile | covered | covered wrongly | refused |")
    print("|---|---|---|---|---|---|")
    for name in CONDITIONS:
        print(row(name, film, asked.trials), flush=True)
    accepted = list(wrong_pairs(film, asked.wrong))
    print(f"\nwrong pairs accepted: {len(accepted)} of {asked.wrong} (parts of one film, whose music recurs)")
    for a, b, found in accepted:
        print(f"  film {a:.0f} s against {b:.0f} s: {found.covered_s:.1f} s at a score of {found.score:.1f}")
    if asked.hours:
        print(speed(film, asked.hours))


if __name__ == "__main__":
    main()
