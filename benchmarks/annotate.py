"""Where the time of `annotate` goes: one reaction through the Annotator with a clock at each part.

    python benchmarks/annotate.py [VIDEO] [--json]

Without VIDEO, 60 s of the staged reaction of clips.py. Three threads work side by side, so the shares may add up
to more than the whole; "decoding" is what its thread needs alone. On a busy machine all of them are too large.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evoked.media.play import play
from evoked.media.probe import probe
from evoked.reactions import annotate
from evoked.reactions.votes import TICKS_PER_S

PARTS = {"detect": "_detect", "mesh": "_mesh", "identity": "_identity"}


class Clocked:
    """A callable that adds up how long it was busy, and how often it was called."""

    def __init__(self, inner: Callable[..., Any]) -> None:
        self.inner, self.seconds, self.calls = inner, 0.0, 0

    def __call__(self, *arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return self.inner(*arguments)
        finally:
            self.seconds += time.perf_counter() - begun
            self.calls += 1


def parts(video: Path) -> dict[str, Any]:
    """Annotate a video and say what each part took."""
    annotator = annotate.Annotator()
    clocks = {name: Clocked(getattr(annotator, attribute)) for name, attribute in PARTS.items()}
    for name, attribute in PARTS.items():
        setattr(annotator, attribute, clocks[name])
    begun, busy = time.perf_counter(), time.process_time()
    found = annotator(video)
    took, busy = time.perf_counter() - begun, time.process_time() - busy
    begun = time.perf_counter()
    for _ in annotate._converted(play(video, pictures=probe(video).grid(TICKS_PER_S))):
        pass
    return {
        "seconds": float(probe(video).duration_s),
        "ticks": found.grid.steps,
        "viewers": len(found.viewers),
        "took_s": took,
        "cpu_s": busy,
        "decode_alone_s": time.perf_counter() - begun,
        "parts": {name: [clock.seconds, clock.calls] for name, clock in clocks.items()},
    }


def shown(told: dict[str, Any]) -> str:
    """The same in words."""
    ticks = told["ticks"]
    lines = [
        f"{told['seconds']:.0f} s, {told['viewers']} viewers, {told['parts']['mesh'][1] / ticks:.2f} faces a tick: "
        f"{told['seconds'] / told['took_s']:.1f}× real time; CPU {told['cpu_s']:.1f} s, at most "
        f"{2 * told['seconds'] / told['cpu_s']:.1f}× on 2 free cores; load {os.getloadavg()[0]:.1f}",
        f"  decode   {1000 * told['decode_alone_s'] / ticks:5.1f} ms a tick, alone",
    ]
    for name, (seconds, calls) in told["parts"].items():
        lines.append(
            f"  {name:8} {1000 * seconds / ticks:5.1f} ms a tick, {100 * seconds / told['took_s']:3.0f} %; "
            f"{calls} calls"
        )
    return "\n".join(lines)


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("video", type=Path, nargs="?")
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    with TemporaryDirectory() as folder:
        video = given.video
        if video is None:
            from clips import reaction

            video = Path(folder) / "reaction.mp4"
            reaction(video, 60)
        told = parts(video)
    print(json.dumps(told) if given.json else shown(told))


if __name__ == "__main__":
    main()
