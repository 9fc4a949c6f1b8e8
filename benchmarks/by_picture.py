"""How well and how fast silent reactions are aligned by picture: the stage's recordings, and wrong pairs.

    python benchmarks/by_picture.py [--folder GRID] [--size small] [--seed N] [--wrong N] [--seconds S] [--kept F.jsonl]

Staged: these people did not watch this film. The recordings are those of benchmarks/stage.py (docs/staging.md); here
their sound is left aside. Errors are over every tenth of a second that is mapped; more than 100 ms is *wrongly*.

Wrong pairs, each recording in turn, none of which may be accepted: another stretch of the film; one that runs
backwards; stills of the film, four seconds each, beside another show of stills at the same pace; a clip of a person
who is not in the recording, to and fro. A pair is noted in --kept as soon as it is done and not tried again.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.stats import beta

from bars import machine
from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.video.align import align_by_video
from evoked.reactions.alignment.video.thumbnails import HZ, FrameThumbnails, content_thumbnails, reaction_thumbnails
from evoked.sample.source_clips import SOURCE_VIDEO, VIEWERS
from evoked.weights.cache import default_cache
from staging.generate import shoot
from staging.ground_truth import read_known
from staging.measure import Figures, hold_map
from staging.recording_plan import TAKE_SIZES

FACTORS = ("layout", "offset", "play", "speed", "mirror", "film_face", "viewers", "presence", "light")
KINDS = ("film", "film", "film", "backwards", "stills", "person")
STILL_S = 4


def part(looks: FrameThumbnails, start_s: float, seconds: float) -> FrameThumbnails:
    """A stretch of what was looked at."""
    return replace(looks, cells=looks.cells[round(start_s * float(HZ)) : round((start_s + seconds) * float(HZ))])


def measured(folder: Path, known: dict[str, Any], name: str) -> tuple[Figures, tuple[float, float]]:
    """A recording's figures, and the CPU seconds that looking and comparing took."""
    planted = known["takes"][name]
    begun = time.process_time()
    ours, theirs = (
        reaction_thumbnails(folder / "takes" / name),
        content_thumbnails(folder / "contents" / planted["content"]),
    )
    looked = time.process_time()
    tenths = {
        t for p in planted["parts"] for t in np.arange(10 * p["content_start_s"], 10 * p["content_end_s"]).round()
    }
    found = Figures(name, planted["condition"], played=len(tenths))
    try:
        offsets = align_by_video(ours, theirs)
    except AlignmentError as error:
        found.refused = str(error)
    else:
        hold_map(found, planted["parts"], offsets)
    return found, (looked - begun, time.process_time() - looked)


def row(value: str, figures: list[Figures]) -> str:
    errors = np.concatenate([np.zeros(0), *(f.errors_ms for f in figures)])
    there = [f for f in figures if f.condition["layout"] != "unseen"]
    own = [f for f in there if not f.refused]
    median, high = (f"{np.percentile(errors, p):.0f}" if len(errors) else "" for p in (50, 95))
    covered = [f"{100 * sum(f.covered for f in s) / max(1, sum(f.played for f in s)):.1f} %" for s in (own, there)]
    wrongly = sum(f.wrong for f in figures) / max(1, sum(f.wrong + f.covered for f in figures))
    refused = len(figures) - len([f for f in figures if not f.refused])
    cells = value, len(figures), refused, f"{median}, {high}", *covered, f"{100 * wrongly:.1f} %"
    return f"| {' | '.join(map(str, cells))} |"


def table(figures: list[Figures]) -> str:
    lines = ["| | recordings | refused | median, p95 ms | covered, of those found | of all that show it | wrongly |"]
    lines += ["|---|---|---|---|---|---|---|", row("all that show the film", [f for f in figures if _shown(f)])]
    for factor in FACTORS:
        for value in dict.fromkeys(f.condition[factor] for f in figures):
            some = [f for f in figures if f.condition[factor] == value and (_shown(f) or factor == "layout")]
            lines.append(row(f"{factor} {value}", some))
    return "\n".join(lines)


def _shown(found: Figures) -> bool:
    return found.condition["layout"] != "unseen"


def pairs(known: dict[str, Any], film_s: float, rng: np.random.Generator) -> Iterator[tuple[str, str, float, float]]:
    """Kind, recording, where in the film, seconds; without end."""
    names, number = list(known["takes"]), 0
    while True:
        name, kind = names[number % len(names)], KINDS[number // len(names) % len(KINDS)]
        content = known["contents"][known["takes"][name]["content"]]
        first, length = content["film_start_s"], float(rng.choice([20, 40, 90]))
        start = float(rng.uniform(0, film_s - length))
        while start < first + content["seconds"] and first < start + length:
            start = float(rng.uniform(0, film_s - length))
        number += 1
        yield kind, name, round(start, 2), length


def wrong_one(
    pair: tuple[str, str, float, float],
    ours: FrameThumbnails,
    film: FrameThumbnails,
    known: dict[str, Any],
    people: dict[str, FrameThumbnails],
) -> tuple[FrameThumbnails, FrameThumbnails]:
    """The two that are compared."""
    kind, name, start, length = pair
    other = part(film, start, length)
    if kind == "backwards":
        return ours, replace(other, cells=other.cells[::-1].copy())
    if kind == "stills":
        rng, every = np.random.default_rng(round(100 * start)), round(STILL_S * float(HZ))
        shows = [rng.permutation(len(film.cells))[: int(length / STILL_S)] for _ in range(2)]
        mine, theirs = (np.repeat(film.cells[s], every, axis=0) for s in shows)
        frame = np.repeat(ours.cells[:1], len(mine), axis=0)  # a real room around it
        frame[:, 1:25, 2:34] = np.repeat(np.repeat(mine, 2, axis=1), 2, axis=2)
        return replace(ours, cells=frame), replace(film, cells=theirs)
    if kind == "person":
        planted = known["takes"][name]
        seen = {v["name"] for v in planted["viewers"]} | {known["contents"][planted["content"]]["actor"]}
        clip = people[sorted(set(people) - seen)[0]].cells if set(people) - seen else other.cells
        there = np.concatenate([clip, clip[::-1]])
        return ours, replace(film, cells=np.tile(there, (1 + len(other.cells) // len(there), 1, 1))[: len(other.cells)])
    return ours, other


def try_wrong(folder: Path, known: dict[str, Any], words: argparse.Namespace) -> list[dict[str, Any]]:
    """Try pairs until there are as many as asked for, or the time is over."""
    cache, end = default_cache(), time.process_time() + words.seconds
    kept = [json.loads(line) for line in words.kept.read_text().splitlines()] if words.kept.exists() else []
    film = content_thumbnails(cache.clip(SOURCE_VIDEO))
    people = {name: content_thumbnails(cache.clip(viewer.clip)) for name, viewer in VIEWERS.items()}
    looked: dict[str, FrameThumbnails] = {}
    drawn = pairs(known, film.seconds, np.random.default_rng(words.seed))
    for number in range(words.wrong):
        pair = next(drawn)
        if number < len(kept):
            continue
        if time.process_time() > end:
            break
        if pair[1] not in looked:
            looked[pair[1]] = reaction_thumbnails(folder / "takes" / pair[1])
        begun, accepted = time.process_time(), ""
        try:
            found = align_by_video(*wrong_one(pair, looked[pair[1]], film, known, people))
            accepted = f"{found.covered_s:.1f} s at {found.score:.0f}"
        except AlignmentError:
            pass
        kept.append({"pair": pair, "accepted": accepted, "cpu_s": round(time.process_time() - begun, 2)})
        with words.kept.open("a") as out:
            out.write(json.dumps(kept[-1]) + "\n")
    return kept[: words.wrong]


def told_wrong(kept: list[dict[str, Any]]) -> str:
    lines = ["| wrong pairs | tried | accepted |", "|---|---|---|"]
    for kind in dict.fromkeys(KINDS):
        own = [k for k in kept if k["pair"][0] == kind]
        lines.append(f"| {kind} | {len(own)} | {sum(bool(k['accepted']) for k in own)} |")
    bad = [k for k in kept if k["accepted"]]
    most = beta.ppf(0.95, len(bad) + 1, max(1, len(kept) - len(bad)))
    lines.append(f"\n{len(bad)} of {len(kept)} accepted: at most {100 * most:.1f} % with 95 % confidence")
    return "\n".join([*lines, *(f"- {' '.join(map(str, k['pair']))}: {k['accepted']}" for k in bad)])


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--folder", type=Path, help="keep the recordings here, or use those that are there")
    words.add_argument("--size", choices=tuple(TAKE_SIZES), default="small")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--wrong", type=int, default=200, help="wrong pairs; 0: none")
    words.add_argument("--seconds", type=float, default=1e9, help="CPU seconds for wrong pairs in this call")
    words.add_argument("--kept", type=Path, help="note wrong pairs here")
    words.add_argument("--only-wrong", action="store_true", help="leave the table out")
    given = words.parse_args()
    with TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary) / "grid"
        given.kept = given.kept or Path(temporary) / "wrong.jsonl"
        if not (folder / "grid.json").is_file():
            shoot(folder, given.size, given.seed, cache=default_cache())
        known = read_known(folder)
        print(machine())
        if not given.only_wrong:
            found = [measured(folder, known, name) for name in known["takes"]]
            print(table([f for f, _ in found]))
            minutes = sum(t["duration_s"] for t in known["takes"].values()) / 60
            looked, compared = (sum(t[i] for _, t in found) / minutes for i in (0, 1))
            print(f"\nCPU seconds for a minute of recording: looking {looked:.1f}, comparing {compared:.1f}")
        if given.wrong:
            print("\n" + told_wrong(try_wrong(folder, known, given)))


if __name__ == "__main__":
    main()
