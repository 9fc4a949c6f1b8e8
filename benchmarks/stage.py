"""The stage: staged reactions with known truth over a grid of conditions, made, measured, and put in two tables.

    python benchmarks/stage.py [--size small|full] [--seed N] [--folder GRID] [--map-only] [--by WAY]
                               [--wrong N] [--json OUT]
    python benchmarks/stage.py --folder GRID --within 240     again and again: goes on where it stopped

Staged: these people did not watch this film. Conditions, and what each column means: docs/staging.md. With
--folder the recordings are kept there, and what was measured of each; a next call with the same size, seed and
code goes on from there. Faces and labels are measured with the map that is found, and given the planted one.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import evoked
from bars import machine
from evoked.core.files import digest, sha256
from evoked.reactions.alignment.config import MODALITIES, MatchConfig
from evoked.reactions.viewers.annotator import Annotator
from evoked.sample.ground_truth import STAGED
from evoked.sample.source_clips import SOURCE_VIDEO
from evoked.weights.cache import default_cache
from staging.generate import shoot
from staging.ground_truth import read_known
from staging.measure import Figures, Measurer, wrong_pairs
from staging.recording_plan import TAKE_SIZES
from staging.result_cache import read_kept, write_kept
from staging.tables import bars, conditions

CODE = ("core/*", "media/*", "weights/*", "faces/*", "reactions/**/*")
STAGING = ("measure", "ground_truth")


def tell(done: float, total: float, note: str = "") -> None:
    """Progress, on one line."""
    print(f"\r  {done:.0f} of {total:.0f} {note:24}", end="" if done < total else "\n", file=sys.stderr, flush=True)


def code() -> str:
    """What the code that is measured weighs up to: figures of other code do not count."""
    home = Path(evoked.__file__).parent
    files = [path for pattern in CODE for path in sorted(home.glob(f"{pattern}.py"))]
    files += [Path(__file__).parent / "staging" / f"{name}.py" for name in STAGING]
    return digest([[path.name, sha256(path)] for path in files])


def measured(folder: Path, words: argparse.Namespace) -> tuple[list[Figures], list[Figures], int]:
    """Make what is missing, then measure every take, with the found map and with the planted one.

    Returns:
        Both, and how many takes are left for want of time.
    """
    begun = time.perf_counter()
    cache = default_cache()
    shoot(folder, words.size, words.seed, cache=cache, workers=words.workers, progress=tell)
    known = read_known(folder)
    key = digest([code(), (folder / ".made").read_text(encoding="utf-8")])
    annotator = None if words.map_only else Annotator(cache=cache)
    out: dict[str, list[Figures]] = (
        {f"map-{words.by}": []} if words.map_only else {f"found-{words.by}": [], "given": []}
    )
    left = 0
    for number, name in enumerate(known["takes"], start=1):
        for kind, figures in out.items():
            kept = folder / "figures" / kind
            one = read_kept(kept, name, key)
            if one is None and words.within and time.perf_counter() - begun > words.within:
                left += 1
                break
            if one is None:
                one = Measurer(folder, known, annotator, given=kind == "given", config=MatchConfig(by=words.by))(name)
                write_kept(kept, key, one)
            figures.append(one)
        tell(number, len(known["takes"]), name)
    given = out.pop("given", [])
    return next(iter(out.values())), given, left


def report(figures: list[Figures], given: list[Figures], pairs: tuple[int, list[str]]) -> str:
    """Everything that is printed."""
    tried = (pairs[0], len(pairs[1])) if pairs[0] else None
    parts = [f"{STAGED[0].upper()}{STAGED[1:]}.", bars(figures, tried, given), conditions(figures)]
    if given:
        parts += ["Faces, with the map that was found:", conditions(figures, faces=True)]
        parts += ["Faces, given the true map:", conditions(given, faces=True)]
    refused = [f"- {f.name}: {_short(f.condition)}" for f in figures if f.refused]
    if refused:
        parts.append("\n".join(["Not aligned:", *refused]))
    if pairs[1]:
        parts.append("\n".join(["Wrong pairs that were accepted:", *(f"- {line}" for line in pairs[1])]))
    return "\n\n".join(parts)


def _short(condition: dict[str, str]) -> str:
    """What of a condition bears on its sound."""
    return ", ".join(f"{k} {condition[k]}" for k in ("gain_db", "noise", "speech", "echo", "speed", "play", "offset"))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--size", choices=tuple(TAKE_SIZES), default="small")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--folder", type=Path, help="keep the recordings here")
    words.add_argument("--map-only", action="store_true", help="the map alone, no faces")
    words.add_argument("--by", choices=MODALITIES, default="auto", help="what the map is found by")
    words.add_argument("--wrong", type=int, default=1000, help="wrong pairs; 0: none")
    words.add_argument(
        "--workers", type=int, help="processes that make recordings; as many as there are cores if not given"
    )
    words.add_argument("--json", type=Path, help="write every take's figures here")
    words.add_argument("--within", type=float, help="begin no recording after so many seconds; needs --folder")
    asked = words.parse_args()
    if asked.within and not asked.folder:
        words.error("--within needs --folder: what was measured is kept there")
    begun = time.perf_counter()
    with TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary) / "grid"
        figures, given, left = measured(folder, asked)
        if left:
            sys.exit(f"{left} recordings are still to be measured: call it again, it goes on from there")
        film = default_cache().clip(SOURCE_VIDEO)
        pairs = wrong_pairs(folder, read_known(folder), film, asked.wrong) if asked.wrong else (0, [])
    print(f"{machine()}\nsize {asked.size}, seed {asked.seed}, {time.perf_counter() - begun:.0f} s in all\n")
    print(report(figures, given, pairs))
    if asked.json:
        plain = {"takes": [asdict(f) for f in figures], "given": [asdict(f) for f in given], "wrong": pairs}
        asked.json.write_text(json.dumps(plain))


if __name__ == "__main__":
    main()
