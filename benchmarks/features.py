"""How fast a film is described, where the time goes, and what memory it takes.

    python benchmarks/features.py [--paper] [SECONDS…]        # default: 60 596; needs ffmpeg to cut the film

With --paper the paper's nets, with the seeded weights of tests/paper: as fast as the real ones, and as large.

Bars: at least 20 times real time on two cores, at most 1.0 GB, and no more for 596 s than for 60 s.
Each length runs in a process of its own, so that its peak of memory is its own.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evoked.features.audio import HZ
from evoked.features.extract import Extractor, FeatureConfig
from evoked.media.decode import read_media
from evoked.media.probe import probe
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS

BAR_SPEED, BAR_MEMORY_MB = 20.0, 1000


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

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def nets(folder: Path, paper: bool) -> Extractor:
    """The nets, loaded; the paper's from files that are made in the folder."""
    if not paper:
        return Extractor()
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "paper"))
    from paper_files import Folder

    made, config = Folder(folder), FeatureConfig(features="paper")
    for name in config.chosen.nets:
        made.make(name)
        NETS[name] = made.known[name]  # in this process alone
        made.cache.ready(name)
    return Extractor(config, made.cache)


def one(film: Path, extractor: Extractor) -> dict[str, Any]:
    """Describe a film and say what it took; peak memory is that of this process."""
    parts = {"image": "_image", "faces": "_detector", "who": "_describe", "audio": "_audio"}
    clocks = {}
    for name, attribute in parts.items():
        clocks[name] = Clocked(getattr(extractor, attribute))
        setattr(extractor, attribute, clocks[name])
    media = probe(film)
    begun, busy = time.perf_counter(), time.process_time()
    found = extractor(film)
    took, busy = time.perf_counter() - begun, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    for _ in extractor._prepared(read_media(film, frames=media.seconds, audio_hz=HZ if media.sound else None), media):
        pass
    return {
        "seconds": found.grid.steps,
        "took_s": took,
        "cpu_s": busy,
        "peak_mb": peak,
        "decode_alone_s": time.perf_counter() - begun,
        "nets": {name: [clock.seconds, clock.calls] for name, clock in clocks.items()},
        "faces": found.face_valid.mean(axis=0).tolist(),
    }


def cut(film: Path, seconds: int, folder: Path) -> Path:
    """The first seconds of a film, as they are stored."""
    out = folder / f"{seconds}.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-i", film, "-t", str(seconds), "-c", "copy", out], check=True)
    return out


def shown(told: dict[str, Any]) -> None:
    """Print one run."""
    speed, ideal = told["seconds"] / told["took_s"], told["seconds"] / (told["cpu_s"] / 2)
    print(f"\n{told['seconds']} s in {told['took_s']:.1f} s: {speed:.1f} times real time (bar {BAR_SPEED:.0f})")
    print(f"  CPU {told['cpu_s']:.1f} s: {ideal:.1f} times if two cores had nothing else to do")
    print(f"  peak memory {told['peak_mb']:.0f} MB (bar {BAR_MEMORY_MB})")
    print(f"  decoding and scaling alone: {told['decode_alone_s']:.1f} s (runs beside the nets)")
    for name, (seconds, calls) in told["nets"].items():
        each = 1000 * seconds / max(calls, 1)
        print(f"  {name:9} {seconds:6.1f} s, {100 * seconds / told['took_s']:3.0f} %; {calls} calls of {each:.1f} ms")


def main(lengths: list[int], paper: bool) -> None:
    """Describe each length in a process of its own."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {load}")
    film = default_cache().clip("bbb.mp4")
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for seconds in lengths:
            part = film if seconds >= 596 else cut(film, seconds, Path(folder))
            ran = subprocess.run(
                [sys.executable, __file__, "--one", part, *(["--paper"] if paper else [])],
                check=True,
                stdout=subprocess.PIPE,
            )
            told = json.loads(ran.stdout)
            shown(told)
            peaks[told["seconds"]] = told["peak_mb"]
    if len(peaks) > 1:
        print(f"\nmemory: {', '.join(f'{s} s → {mb:.0f} MB' for s, mb in peaks.items())}")


if __name__ == "__main__":
    paper = "--paper" in sys.argv
    given = [a for a in sys.argv[1:] if a != "--paper"]
    if given[:1] == ["--one"]:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(one(Path(given[1]), nets(Path(folder), paper))))
    else:
        main([int(a) for a in given] or [60, 596], paper)
