"""The table of bars: what was asked, what this machine does.

    python benchmarks/run.py [--quick] [--study demo/study] [--stills FOLDER]

Times come from whole processes; where other work shares the cores, read the CPU seconds. The other files
of this folder look closer: decode, nets, features, annotate, alignment, training, still_faces. Those with bars
that take too long for this are listed below the table, with their commands.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

from bars import NotMeasured, Row, done, evoked, machine, measure, speed, table
from elsewhere import listed

HERE = Path(__file__).parent
FILM_S = 596.5


def importing() -> Iterator[Row]:
    """What `import evoked` takes above a bare start."""
    bare = min(measure(sys.executable, "-c", "pass").wall_s for _ in range(5))
    ours = min(measure(sys.executable, "-c", "import evoked").wall_s for _ in range(5))
    yield Row("import evoked", "≤ 0.3 s", f"{ours - bare:.2f} s over a bare start", ours - bare <= 0.3)


def installed() -> Iterator[Row]:
    """What the distributions weigh that the base and the extra for training need."""
    base, trains = needed("evoked", ""), needed("evoked", "train")
    yield Row("base install", "stated", f"{weight(base):.0f} MB, training {weight(trains - base):.0f} MB more")


def needed(name: str, extra: str, seen: set[str] | None = None) -> set[str]:
    """Names of all distributions that one requires, directly or not."""
    seen = set() if seen is None else seen
    for text in metadata.requires(name) or []:
        wanted = Requirement(text)
        plain = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if plain not in seen and (wanted.marker is None or wanted.marker.evaluate({"extra": extra})):
            seen.add(plain)
            needed(plain, "", seen)
    return seen


def weight(names: set[str]) -> float:
    """MB of their files."""
    files = [metadata.distribution(n).locate_file(f) for n in names for f in metadata.files(n) or []]
    return sum(Path(str(f)).stat().st_size for f in files if Path(str(f)).exists()) / 1e6


def features() -> Iterator[Row]:
    """The whole film and a minute of it through `evoked features`."""
    with TemporaryDirectory() as folder:
        film = done(sys.executable, HERE / "clips.py", "film").out.strip()
        cut = Path(folder) / "minute.mp4"
        done(sys.executable, HERE / "clips.py", "cut", 60, cut)
        short = done(*evoked("features", cut, "-o", Path(folder) / "a.safetensors"))
        long = done(*evoked("features", film, "-o", Path(folder) / "b.safetensors"))
    fast = FILM_S / long.wall_s >= 20
    yield Row("features of the film, 596 s, 720p", "≥ 20× real time", speed(FILM_S, long), fast)
    lean = long.peak_mb <= 1024 and long.peak_mb <= 1.1 * short.peak_mb
    yield Row(
        "its memory", "≤ 1024 MiB, none more for 596 s", f"{long.peak_mb:.0f}, {short.peak_mb:.0f} for 60 s", lean
    )


def annotating(quick: bool) -> Iterator[Row]:
    """A staged 720p reaction with one face through `evoked annotate`."""
    seconds = 60 if quick else 600
    with TemporaryDirectory() as folder:
        used = {}
        for length in (60, seconds):
            video = Path(folder) / f"{length}.mp4"
            done(sys.executable, HERE / "clips.py", "reaction", length, video)
            used[length] = done(*evoked("annotate", video, "-o", Path(folder) / "out.parquet"))
    long, short = used[seconds], used[60]
    yield Row(
        f"annotate, 720p, one face, {seconds} s", "≥ 8× real time", speed(seconds, long), seconds / long.wall_s >= 8
    )
    lean = long.peak_mb <= 1024 and long.peak_mb <= 1.1 * short.peak_mb
    yield Row("its memory", "≤ 1024 MiB, flat", f"{long.peak_mb:.0f} MiB, {short.peak_mb:.0f} for 60 s", lean)


def two_faces() -> Iterator[Row]:
    """A minute of a staged 720p reaction with two faces through `evoked annotate`."""
    with TemporaryDirectory() as folder:
        video = Path(folder) / "two.mp4"
        done(sys.executable, HERE / "clips.py", "reaction", 60, video, "--two")
        used = done(*evoked("annotate", video, "-o", Path(folder) / "out.parquet"))
    yield Row("annotate, 720p, two faces, 60 s", "≥ 6× real time", speed(60, used), used.wall_s <= 10)


def sample(study: Path) -> Iterator[Row]:
    """A staged study that was run, against its planted truth, and run once more."""
    if not (study / "results" / "scores.json").is_file():
        raise NotMeasured(f"no finished study at {study}: make demo")
    again = done(*evoked("run", study))
    kept = re.search(r"0 done, \d+ kept, 0 failed", again.err) is not None
    yield Row("second evoked run", "nothing redone, ≤ 5 s", f"{again.wall_s:.1f} s", kept and again.wall_s <= 5)
    told = json.loads(measure(*evoked("sample", study, "--check", "--json")).out)
    yield Row("staged labels and offsets", "precision ≥ .90, recall ≥ .80, ≤ 50 ms", brief(told), bool(told["passes"]))
    scores = json.loads((study / "results" / "scores.json").read_text())["map"]
    said = f"{scores['value']:.3f} ({scores['low']:.3f} … {scores['high']:.3f}), chance {scores['chance']:.3f}"
    yield Row("held-out MAP", "95 % interval above chance", said, scores["low"] > scores["chance"])


def brief(told: dict) -> str:
    """Precision and recall of each class over every second, and the worst offset."""
    rows = [f"{r['name']} {r['precision']:.2f}/{r['recall']:.2f}" for r in told["labels"]]
    worst = max(abs(pair["worst_s"]) for pair in told["offsets"].values())
    return f"{', '.join(rows)}; worst offset {1000 * worst:.1f} ms"


def stills(folder: Path) -> Iterator[Row]:
    """Labelled stills shown for three seconds."""
    for side, bars in ((0, {}), (48, {"surprise": 0.82, "amusement": 0.91})):
        told = json.loads(done(sys.executable, HERE / "still_faces.py", folder, "--side", side, "--json").out)
        for row in told["rows"]:
            bar = bars.get(row["score"])
            what = f"stills{f' at {side}x{side}' if side else ''}: {row['score']} for {row['label']}, AUC"
            said = f"{row['auc']:.3f} ({row['low']:.3f} … {row['high']:.3f}); chance .500; {told['stills']} stills"
            yield Row(what, f"≥ {bar}" if bar else "", said, row["auc"] >= bar if bar else None)


def main() -> None:
    """Measure everything that can be, and print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="a minute of video instead of ten, no stills")
    words.add_argument("--study", type=Path, default=Path("demo/study"))
    shared = os.environ.get("EVOKED_SHARED_DATA")
    words.add_argument("--stills", type=Path, default=Path(shared) / "faces" if shared else None)
    given = words.parse_args()
    parts: list[Callable[[], Iterator[Row]]] = [importing, installed, features, lambda: annotating(given.quick)]
    parts += [two_faces, lambda: sample(given.study)]
    if given.stills and not given.quick:
        parts.append(lambda: stills(given.stills))
    print(f"machine: {machine()}\n")
    rows: list[Row] = []
    for part in parts:
        try:
            rows += list(part())
        except NotMeasured as reason:
            rows.append(Row(getattr(part, "__name__", "part"), "", f"not measured: {reason}"))
        print(f"  {rows[-1].what}: {rows[-1].measured}", file=sys.stderr, flush=True)
    print(f"{table(rows)}\n\n{listed()}")


if __name__ == "__main__":
    main()
