"""The stage: staged reactions with known truth over a grid of conditions, made, measured, and put in one table.

    python benchmarks/stage.py [--size small|full] [--seed N] [--folder GRID] [--sound-only] [--wrong N] [--json OUT]

Staged: these people did not watch this film. Conditions, and what each column means: docs/stage.md. With
--folder the recordings are kept there, and used again by the next call with the same size and seed.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bars import machine

from evoked.reactions.annotate import Annotator
from evoked.stage.footage import FILM
from evoked.stage.known import read_known
from evoked.stage.measure import Figures, Measurer, wrong_pairs
from evoked.stage.shoot import shoot
from evoked.stage.summary import bars, conditions
from evoked.stage.take import TAKE_SIZES
from evoked.stage.truth import STAGED
from evoked.weights.cache import default_cache


def tell(done: float, total: float, note: str = "") -> None:
    """Progress, on one line."""
    print(f"\r  {done:.0f} of {total:.0f} {note:24}", end="" if done < total else "\n", file=sys.stderr, flush=True)


def measured(folder: Path, words: argparse.Namespace) -> tuple[list[Figures], tuple[int, list[str]]]:
    """Make what is missing, then measure every take and the wrong pairs."""
    cache = default_cache()
    shoot(folder, words.size, words.seed, cache=cache, workers=words.workers, progress=tell)
    known = read_known(folder)
    measure = Measurer(folder, known, None if words.sound_only else Annotator(cache=cache))
    figures = []
    for name in known["takes"]:
        figures.append(measure(name))
        tell(len(figures), len(known["takes"]), name)
    return figures, wrong_pairs(folder, known, cache.clip(FILM), words.wrong) if words.wrong else (0, [])


def report(figures: list[Figures], pairs: tuple[int, list[str]]) -> str:
    """Everything that is printed."""
    parts = [f"{STAGED[0].upper()}{STAGED[1:]}.", bars(figures, (pairs[0], len(pairs[1])) if pairs[0] else None)]
    parts.append(conditions(figures))
    refused = [f"- {f.name}: {_short(f.condition)}" for f in figures if f.refused]
    if refused:
        parts.append("\n".join(["Refused by sound:", *refused]))
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
    words.add_argument("--sound-only", action="store_true", help="the map alone, no faces")
    words.add_argument("--wrong", type=int, default=1000, help="wrong pairs; 0: none")
    words.add_argument(
        "--workers", type=int, help="processes that make recordings; as many as there are cores if not given"
    )
    words.add_argument("--json", type=Path, help="write every take's figures here")
    given = words.parse_args()
    begun = time.perf_counter()
    with TemporaryDirectory() as temporary:
        figures, pairs = measured(given.folder or Path(temporary) / "grid", given)
    print(f"{machine()}\nsize {given.size}, seed {given.seed}, {time.perf_counter() - begun:.0f} s in all\n")
    print(report(figures, pairs))
    if given.json:
        given.json.write_text(json.dumps({"takes": [asdict(f) for f in figures], "wrong": pairs}))


if __name__ == "__main__":
    main()
