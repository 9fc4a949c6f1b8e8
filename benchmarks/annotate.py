"""Where the time of `annotate` goes: one reaction through the Annotator with a clock at each part.

    python benchmarks/annotate.py [VIDEO] [--seconds 60] [--every 3] [--two] [--json]

Without VIDEO, 60 s of the staged reaction of clips.py. All times of parts are CPU seconds of their threads, so that
other work on the machine disturbs them little; three threads work side by side. Decoding (with conversion to RGB)
and votes (with the recogniser) are measured apart. "whole" is the search of whole pictures, "near" that around known
faces. `--every 1` searches the whole picture at each tick, as before; `--two` puts a second face into the clip.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.media.decode import read_media
from evoked.media.probe import probe
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.labelling.majority_vote import VoteConfig, majority_vote, onto_content, viewer_grid
from evoked.reactions.viewers import annotator as annotators


class Clocked:
    """A callable that adds up its thread's CPU seconds, and how often it was called."""

    def __init__(self, inner: Callable[..., Any]) -> None:
        self.inner, self.seconds, self.calls = inner, 0.0, 0

    def __call__(self, *arguments: Any) -> Any:
        begun = time.thread_time()
        try:
            return self.inner(*arguments)
        finally:
            self.seconds += time.thread_time() - begun
            self.calls += 1


class ClockedDetector(Clocked):
    """A detector whose looks at whole pictures and around known faces are counted apart."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.near = Clocked(inner.near)


def clocked(annotator: annotators.Annotator) -> dict[str, Clocked]:
    """A clock on each net of an annotator, by the name of its part."""
    detect = ClockedDetector(annotator._detect)
    annotator._detect = detect  # type: ignore[assignment]
    clocks: dict[str, Clocked] = {"whole": detect, "near": detect.near}
    for part in ("mesh", "identity"):
        clocks[part] = Clocked(getattr(annotator, f"_{part}"))
        setattr(annotator, f"_{part}", clocks[part])
    return clocks


def voted(found: annotators.Annotation) -> None:
    """Expressions of every viewer again, and the votes at 1 Hz."""
    seconds = TimeGrid(Fraction(1), max(1, found.grid.steps // ANNOTATION_FPS))
    scores = [PrototypeRecogniser().score(v.blendshapes) for v in found.viewers.values()]
    whole = OffsetMap(0.0, (Segment(0.0, float(seconds.steps), 0.0, 0.0),))
    if scores:
        majority_vote([onto_content(s, whole, viewer_grid(seconds)) for s in scores], seconds, VoteConfig())


def parts(video: Path, every: int) -> dict[str, Any]:
    """Annotate a video and say what each part took."""
    annotator = annotators.Annotator(config=annotators.AnnotateConfig(detect_every=every))
    clocks = clocked(annotator)
    begun, busy = time.perf_counter(), time.process_time()
    found = annotator(video)
    took, busy = time.perf_counter() - begun, time.process_time() - busy
    begun = time.process_time()
    for _ in annotators._converted(read_media(video, frames=probe(video).grid(ANNOTATION_FPS))):
        pass
    decoded = time.process_time()
    voted(found)
    told = {name: [clock.seconds, clock.calls] for name, clock in clocks.items()}
    told["decode"] = [decoded - begun, found.grid.steps]
    told["votes"] = [time.process_time() - decoded, 1]
    told["rest"] = [busy - sum(seconds for seconds, _ in told.values()), 0]
    return {
        "seconds": float(probe(video).duration_s),
        "ticks": found.grid.steps,
        "viewers": len(found.viewers),
        "took_s": took,
        "cpu_s": busy,
        "parts": told,
    }


def shown(told: dict[str, Any]) -> str:
    """The same in words."""
    ticks = told["ticks"]
    lines = [
        f"{told['seconds']:.0f} s, {told['viewers']} viewers, {told['parts']['mesh'][1] / ticks:.2f} faces a tick: "
        f"{told['seconds'] / told['took_s']:.1f}× real time; CPU {told['cpu_s']:.1f} s, at most "
        f"{2 * told['seconds'] / told['cpu_s']:.1f}× on 2 free cores; load {os.getloadavg()[0]:.1f}",
    ]
    for name, (seconds, calls) in told["parts"].items():
        lines.append(
            f"  {name:8} {1000 * seconds / ticks:5.1f} ms a tick, {100 * seconds / told['cpu_s']:3.0f} % of the CPU"
            + (f"; {calls} calls" if calls > 1 else "")
        )
    return "\n".join(lines)


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("video", type=Path, nargs="?")
    words.add_argument("--seconds", type=float, default=60)
    words.add_argument("--every", type=int, default=annotators.AnnotateConfig().detect_every)
    words.add_argument("--two", action="store_true", help="two faces")
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    with TemporaryDirectory() as folder:
        video = given.video
        if video is None:
            from clips import reaction

            video = Path(folder) / "reaction.mp4"
            reaction(video, given.seconds, two=given.two)
        told = parts(video, given.every)
    print(json.dumps(told) if given.json else shown(told))


if __name__ == "__main__":
    main()
