"""Wrong pairs: reactions and contents that they do not play, through the aligner; each is to be refused.

    python benchmarks/wrong.py OUT.jsonl [--count N] [--seconds S] [--seed N] [--music FOLDER]

A line is added to OUT for each pair, as soon as it is done; pairs that are there already are not tried again, so it can
be cut off, or given --seconds at a time. At the end, or with --count 0, all lines are summed up.

Of twenty pairs, 10 are stretches of Big Buck Bunny that do not overlap (its music and effects recur), 5 hold music, 2
speech (espeak-ng, in six languages), 1 the sound of a viewer's clip, 1 noise or hum, 1 next to nothing. The reaction
has one of the conditions of alignment.py, drawn at random. Music is whatever FOLDER holds (measured with the two
pieces of the package arcade 3.3.3); without it those pairs are of the film, too.

An accepted pair is told with the share of its map in which the *undisturbed* sounds are the same recording to the
sample: where two scenes hold one recording of a music, sound alone cannot know better. They are counted with and
without such.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import beta

from alignment import HZ, Rng, Samples, conditions, over, piped, said, voice
from evoked.core.errors import AlignmentError
from evoked.media.decode import read_audio
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.audio.gcc_phat import OffsetLine, gcc_phat_lags
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.weights.cache import default_cache

KINDS = ("film",) * 10 + ("music",) * 5 + ("speech",) * 2 + ("clip", "noise", "quiet")
TONGUES = ("en-us", "de", "fr-fr", "es", "it", "en-gb-scotland")
SAME = 0.2  # share of a map whose undisturbed sounds are one recording, from which a pair is one of recurring music
EVERY_S, REACH_S = 0.25, 0.06


@dataclass(frozen=True, eq=False)
class Pair:
    """A reaction as it was played, the same with its condition, the content, and how they are told."""

    clean: Samples
    reaction: Samples
    content: Samples
    speed: float
    told: dict[str, str]


@dataclass(frozen=True, eq=False)
class Sources:
    """Where stretches are cut from."""

    film: Samples
    clips: tuple[Samples, ...]
    music: tuple[Samples, ...]

    @staticmethod
    def of(folder: Path | None) -> "Sources":
        """The cache's films and clips, and a folder's music."""
        clip = default_cache().clip
        names = ("WolfgangLanger_Pexels.mp4", "face_noface.mov", "no_face.mp4")
        music = sorted(p for p in folder.iterdir() if p.suffix in (".mp3", ".ogg", ".wav")) if folder else []
        return Sources(
            read_audio(clip("bbb.mp4"), HZ),
            tuple(read_audio(clip(n), HZ) for n in names),
            tuple(read_audio(p, HZ) for p in music),
        )


def pair(sources: Sources, seed: int, number: int) -> Pair:
    """A pair by its number; the same for the same seed and sources."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    if kind == "music" and not sources.music:
        kind = "film"
    rows = list(conditions().items())
    name, (speed, change) = rows[int(rng.integers(len(rows)))]
    one, other, what = _cut(sources, kind, rng)
    if rng.random() < 0.3:
        one = over(one, voice(one, rng), float(rng.uniform(-12, 12))) if one.any() else one
    reaction = change(one, rng).astype(np.float32)
    return Pair(one, reaction, other, speed, {"kind": kind, "what": what, "condition": name})


def _cut(sources: Sources, kind: str, rng: Rng) -> tuple[Samples, Samples, str]:
    """Reaction, content, and where they are from."""
    film, n, m = sources.film, rng.uniform(20, 120), rng.uniform(20, 240)
    if kind == "film":
        return _apart(film, n, m, rng, "film")
    content, where = _part(film, m, rng)
    against = f"against film {where:.0f} s"
    if kind == "music":
        which = int(rng.integers(len(sources.music)))
        piece, turn = sources.music[which], int(rng.integers(4))
        if turn == 0:
            return _apart(piece, min(n, 60), min(m, 80), rng, f"music {which}")
        part, at = _part(piece, n, rng)
        if turn == 1:
            other = (which + 1) % len(sources.music)
            content, where = _part(sources.music[other], m, rng)
            against = f"against music {other} {where:.0f} s"
        told = f"music {which} {at:.0f} s {against}"
        return (content, part, told + ", content the music") if turn == 2 else (part, content, told)
    if kind == "speech":
        tongue = str(rng.choice(TONGUES))
        speech = spoken(tongue)
        if rng.random() < 0.4:
            return (*_halves(speech), f"two halves of one talk, {tongue}")
        return np.roll(speech, int(rng.integers(len(speech)))), content, f"speech, {tongue}, {against}"
    if kind == "clip":
        which = int(rng.integers(len(sources.clips)))
        return np.resize(sources.clips[which], int(n * HZ)), content, f"clip {which}, repeated, {against}"
    size = int(n * HZ)
    noise = rng.standard_normal(size).astype(np.float32)
    if kind == "noise":
        hum = 0.3 * np.sin(2 * np.pi * 50 * np.arange(size) / HZ)
        return (0.1 * (noise + hum)).astype(np.float32), content, f"noise and hum {against}"
    return (noise * np.float32(10**-3.5)).astype(np.float32), content, f"quiet {against}"


def _part(whole: Samples, seconds: float, rng: Rng) -> tuple[Samples, float]:
    size = min(len(whole), int(seconds * HZ))
    start = int(rng.integers(0, len(whole) - size + 1))
    return whole[start : start + size], start / HZ


def _apart(whole: Samples, n: float, m: float, rng: Rng, name: str) -> tuple[Samples, Samples, str]:
    """Two parts of one sound that do not overlap; either may come first."""
    while True:
        (one, a), (other, b) = _part(whole, n, rng), _part(whole, m, rng)
        if a + len(one) / HZ < b or b + len(other) / HZ < a:
            return one, other, f"{name} {a:.1f} s (+{n:.0f}) against {b:.1f} s (+{m:.0f})"


def _halves(whole: Samples) -> tuple[Samples, Samples]:
    return whole[: len(whole) // 2], whole[len(whole) // 2 :]


@cache
def spoken(tongue: str) -> Samples:
    """The talk in another language's sounds."""
    return piped(["-i", "-"], said(tongue))


def same_recording(one: Pair, found: OffsetMap) -> float:
    """Share of the map in which the undisturbed sounds are one recording, to the sample."""
    seen = of = 0
    for s in found.segments:
        middle = (s.content_start_s + s.content_end_s) / 2
        offset = s.reaction_time(middle) * one.speed - middle  # on the clock of the undisturbed reaction
        starts = np.arange(s.content_start_s + offset, s.content_end_s + offset, EVERY_S) * HZ
        spots = gcc_phat_lags(
            one.clean, one.content, HZ, OffsetLine(offset * HZ), starts.astype(np.int64), round(REACH_S * HZ)
        )
        seen, of = seen + len(spots), of + len(starts)
    return seen / max(1, of)


def tried(one: Pair) -> dict[str, float | str | bool]:
    """What came of a pair."""
    began = time.process_time()
    try:
        found = align(one.reaction, one.content, HZ)
    except AlignmentError:
        return {**one.told, "accepted": False, "cpu_s": round(time.process_time() - began, 2)}
    cpu = round(time.process_time() - began, 2)
    first = found.segments[0]
    return {
        **one.told,
        "accepted": True,
        "cpu_s": cpu,
        "covered_s": round(found.covered_s, 2),
        "score": round(found.score, 1),
        "rate": first.rate,
        "offset_s": round(first.offset_s, 3),
        "shorter_s": round(min(len(one.reaction), len(one.content)) / HZ, 1),
        "same_recording": round(same_recording(one, found), 2),
    }


def read(path: Path) -> dict[int, dict[str, float | str | bool]]:
    """Lines that are kept, by number; a line that was cut off is none."""
    out = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            one = json.loads(line)
        except ValueError:
            continue
        out[int(one.pop("number"))] = one
    return out


def upper(accepted: int, of: int) -> float:
    """Upper end of the two-sided 95 % interval of a share (Clopper and Pearson 1934)."""
    return 1.0 if accepted == of else float(beta.ppf(0.975, accepted + 1, of - accepted))


def summed(lines: dict[int, dict[str, float | str | bool]]) -> Iterator[str]:
    """A table by kind, and every accepted pair."""
    yield "| kind | share | pairs | accepted | other than recurring music | CPU s a pair |\n|---|---|---|---|---|---|"
    kinds = sorted({str(v["kind"]) for v in lines.values()})
    for kind in ("all", *kinds):
        own = [v for v in lines.values() if kind in ("all", v["kind"])]
        taken = [v for v in own if v["accepted"]]
        other = [v for v in taken if float(v["same_recording"]) < SAME]
        cpu = np.mean([float(v["cpu_s"]) for v in own])
        counts = (f"{len(x)} (≤ {100 * upper(len(x), len(own)):.2f} %)" for x in (taken, other))
        yield f"| {kind} | {100 * len(own) / len(lines):.0f} % | {len(own)} | {' | '.join(counts)} | {cpu:.1f} |"
    for number, v in sorted(lines.items()):
        if v["accepted"]:
            yield f"- {number}: {v['what']} ({v['condition']}): " + ", ".join(
                f"{k} {v[k]}" for k in ("covered_s", "shorter_s", "score", "rate", "offset_s", "same_recording")
            )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("out", type=Path)
    words.add_argument("--count", type=int, default=1000, help="pairs in all; 0: sum up what is there")
    words.add_argument("--seconds", type=float, default=math.inf, help="stop after so many seconds of CPU")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--music", type=Path, help="a folder of music")
    asked = words.parse_args()
    done = read(asked.out)
    if asked.count:
        sources = Sources.of(asked.music)
        with asked.out.open("a") as file:
            for number in range(asked.count):
                if time.process_time() > asked.seconds:
                    break
                if number not in done:
                    done[number] = tried(pair(sources, asked.seed, number))
                    file.write(json.dumps({"number": number, **done[number]}) + "\n")
                    file.flush()
    print("\n".join(summed(done)))


if __name__ == "__main__":
    main()
