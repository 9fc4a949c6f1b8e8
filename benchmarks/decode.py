"""How fast a film is decoded: ours at 1 Hz and 6 Hz against a full decode and against ffmpeg, and the memory.

    python benchmarks/decode.py [FILM] [--seconds N]

Without FILM, Big Buck Bunny (596 s, 720p, H.264) is fetched by package name into the cache. Each row
runs in a process of its own, on one decoding thread. On a shared machine trust the ratios: rows are
measured twice and the faster one counts; "of CPU time" leaves out the time that others had the core.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path


def ours(film: Path, rate: int, skip: bool, seconds: int, sound: bool) -> None:
    """Decode and convert to 299x299, and print what it took as JSON; for a process of its own."""
    from evoked.core.time_grid import TimeGrid
    from evoked.media.decode import VideoFrame, read_media

    wall, cpu, pictures = time.perf_counter(), time.process_time(), 0
    grid = TimeGrid(Fraction(rate), seconds * rate)
    for item in read_media(film, pictures=grid, sound_hz=16000 if sound else None, skip=skip):
        if isinstance(item, VideoFrame):
            item.rgb((299, 299))
            pictures += 1
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "pictures": pictures}
    print(json.dumps({**took, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def apart(film: Path, *words: object) -> dict[str, float]:
    """One row of ours in a new process."""
    command = [sys.executable, __file__, str(film), "--row", *map(str, words)]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def ffmpeg(film: Path, rate: int, seconds: int) -> dict[str, float]:
    """The same work by ffmpeg's command line, on one thread."""
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-t", str(seconds), "-i", str(film), "-an", "-vf"]
    command += [f"fps={rate}:round=up,scale=299:299:flags=bilinear,format=rgb24", "-f", "rawvideo", os.devnull, "-y"]
    wall = time.perf_counter()
    with subprocess.Popen(command) as child:
        _, _, used = os.wait4(child.pid, 0)
        child.returncode = 0
    took = time.perf_counter() - wall
    return {
        "wall": took,
        "cpu": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss / 1024,
        "pictures": seconds * rate,
    }


def film_of(given: Path | None) -> Path:
    """The film to decode."""
    if given is not None:
        return given
    from evoked.weights.cache import default_cache

    return default_cache().clip("bbb.mp4")


def table(film: Path, seconds: int) -> None:
    """Print the rows."""
    short = min(60, seconds)
    rows = [
        ("1 Hz", lambda n: apart(film, 1, 1, n, 0)),
        ("1 Hz and sound", lambda n: apart(film, 1, 1, n, 1)),
        ("6 Hz", lambda n: apart(film, 6, 1, n, 0)),
        ("1 Hz, all frames decoded", lambda n: apart(film, 1, 0, n, 0)),
        ("6 Hz, all frames decoded", lambda n: apart(film, 6, 0, n, 0)),
    ]
    if shutil.which("ffmpeg"):
        rows.append(("ffmpeg -threads 1, 1 Hz", lambda n: ffmpeg(film, 1, n)))
        rows.append(("ffmpeg -threads 1, 6 Hz", lambda n: ffmpeg(film, 6, n)))
    print(f"{film.name}, {seconds} s; {platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f}; times real time")  # fmt: skip
    print(f"{'':28}{'of wall':>9}{'of CPU':>9}{'MB at ' + str(short) + ' s':>12}{'MB at ' + str(seconds) + ' s':>13}")
    for name, measure in rows:
        first = measure(short)
        runs = [measure(seconds) for _ in range(2)]
        wall, cpu = (min(r[k] for r in runs) for k in ("wall", "cpu"))
        print(
            f"{name:28}{seconds / wall:8.1f}×{seconds / cpu:8.1f}×{first['rss']:12.0f}{runs[0]['rss']:13.0f}",
            flush=True,
        )


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("film", type=Path, nargs="?")
    words.add_argument("--seconds", type=int, default=596)
    words.add_argument("--row", type=int, nargs=4, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.row:
        rate, skip, seconds, sound = given.row
        ours(given.film, rate, bool(skip), seconds, bool(sound))
    else:
        table(film_of(given.film), given.seconds)


if __name__ == "__main__":
    main()
