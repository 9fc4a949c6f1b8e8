"""An epoch over a dataset of the paper's size, estimated from one that is really read from disk.

    python benchmarks/epoch.py FOLDER [--seconds 200000] [--steps 12] [--precision bf16]

Writes feature files of the paper's widths (4,224 float16 a second; 1.7 GB for 200,000 seconds) into FOLDER, reads
every batch of an epoch from them, takes some real training steps on them, and takes the files away again. Prints
the time of each, the share of it that reading takes, memory, and what 4.86 M labelled seconds would take.
"""

import argparse
import resource
import shutil
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from evoked.core.expressions import EEV5
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.dataset.load_examples import load_examples
from evoked.learning.training.batching import gather, plan_epoch
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.train import train
from evoked.model.config import ModelSettings

PAPER_S = 4_863_653
WIDTHS = {"image": 2048, "face": 2048, "audio": 128}
LENGTH_S = 1800


def write_videos(folder: Path, seconds: int) -> dict[str, Labels]:
    """Feature files of normal numbers, no two alike, and labels by lot with a tenth of the seconds masked."""
    draw, labels = np.random.default_rng(0), {}
    base = {name: draw.normal(size=(2 * LENGTH_S, width)).astype(np.float16) for name, width in WIDTHS.items()}
    folder.mkdir(parents=True)
    for number in range(-(-seconds // LENGTH_S)):
        steps = min(LENGTH_S, seconds - number * LENGTH_S)
        begin = int(draw.integers(LENGTH_S))
        tensors = {name: np.roll(rows[begin : begin + steps], number, axis=1) for name, rows in base.items()}
        every = np.ones(steps, dtype=np.bool_)
        masks = {"image_valid": every, "audio_valid": every, "face_valid": np.ones((steps, 2), dtype=np.bool_)}
        name = f"v{number:05}.mp4"
        save_file(tensors | masks, folder / f"{name}.safetensors", {"evoked": Provenance("features").as_json()})
        on, valid = draw.random((steps, len(EEV5))) < 0.2, draw.random(steps) < 0.9
        labels[name] = Labels(Track.masked(TimeGrid(Fraction(1), steps), EEV5, on, valid), np.ones(steps, np.int64))
    return labels


def memory_gb() -> float:
    """Most resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=200_000)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--precision", default="bf16")
    chosen = parser.parse_args()
    place = chosen.folder / "evoked-epoch"
    try:
        began = time.perf_counter()
        labels = write_videos(place, chosen.seconds)
        print(
            f"wrote {chosen.seconds} s in {time.perf_counter() - began:.0f} s; {memory_gb():.2f} GB resident",
            flush=True,
        )
        report(labels, place, chosen)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def report(labels: dict[str, Labels], place: Path, chosen: argparse.Namespace) -> None:
    """Read an epoch, take steps, print."""
    examples = load_examples(labels, place).examples
    usable, config = (
        [e.valid for e in examples],
        TrainConfig(precision=chosen.precision, max_steps=chosen.steps, epochs=1, threads=1),
    )
    began = time.perf_counter(), time.process_time()
    plan = plan_epoch(usable, config.runs_per_batch, config.windows_per_run, (0, 0))
    windows = sum(int(gather(examples, batch, usable, config.windows_per_run, 60).use.sum()) for batch in plan)
    reading, reading_cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    print(
        f"read all {len(plan)} batches, {windows} windows: {1e3 * reading / len(plan):.1f} ms a batch, "
        f"{1e3 * reading_cpu / len(plan):.1f} CPU ms; {memory_gb():.2f} GB resident",
        flush=True,
    )
    at: list[tuple[float, float]] = []
    train(examples, ModelSettings(), config, progress=lambda *_: at.append((time.perf_counter(), time.process_time())))
    step, step_cpu = (float(np.median(np.diff([t[i] for t in at]))) for i in (0, 1))
    print(
        f"{len(at)} steps, {config.precision}: {1e3 * step:.0f} ms each with its reading, {1e3 * step_cpu:.0f} CPU ms"
    )
    share = reading_cpu / len(plan) / step_cpu
    print(f"reading is {share:.1%} of a step (bar 10 %: {'met' if share <= 0.1 else 'MISSED'})")
    hours = step_cpu * len(plan) * PAPER_S / windows / 3600
    more = PAPER_S / 1e9 * (4 * len(EEV5) + 2)  # labels and masks of all seconds; features stay on disk
    print(f"an epoch of {PAPER_S} labelled seconds: {hours:.1f} CPU h on one thread")
    print(f"{memory_gb():.2f} + {more:.2f} GB resident for so many (bar 3 GB)")


if __name__ == "__main__":
    main()
