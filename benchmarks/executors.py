"""Throughput of features over several clips with each executor, in one run, beside serial.

    python benchmarks/executors.py [COPIES]        # default: 4 copies of each clip; Ray only where it is installed

Each executor describes the same clips with one thread a worker, into a folder of its own; starting its workers and
loading the networks is part of its time. Bar: the files of every executor are byte-identical to those of serial.
"""

import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path

from evoked.features.extract import FeatureConfig
from evoked.features.jobs import FeaturesTask, run_features_task
from evoked.media.probe import probe
from evoked.parallel.executors import ExecutorName, open_executor
from evoked.parallel.pool import Failed
from evoked.weights.cache import CacheLocation, default_cache

CLIPS = ("single_face.mp4", "bigbuckbunny.mp4", "WolfgangLanger_Pexels.mp4")
EXECUTORS: tuple[tuple[ExecutorName, int], ...] = (("serial", 1), ("processes", 2), ("ray", 2))


def main() -> int:
    copies = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        videos = [
            Path(shutil.copy(default_cache().clip(clip), root / f"{copy}_{clip}"))
            for copy in range(copies)
            for clip in CLIPS
        ]
        seconds = sum(float(probe(video).duration_s) for video in videos)
        print(f"{len(videos)} clips, {seconds:.0f} s of video\n")
        print("executor     workers   took, s   x real time   x serial   bytes as serial")
        took: dict[str, float] = {}
        same = True
        for executor, workers in EXECUTORS:
            if executor == "ray" and importlib.util.find_spec("ray") is None:
                print("ray: not installed (make test-ray installs it)")
                continue
            tasks = [
                FeaturesTask(
                    v,
                    root / executor / f"{v.stem}.safetensors",
                    FeatureConfig(threads=1),
                    CacheLocation.of(default_cache()),
                )
                for v in videos
            ]
            begun = time.perf_counter()
            failed = [
                outcome
                for outcome in open_executor(executor, workers=workers, threads_each=1).run(run_features_task, tasks)
                if isinstance(outcome, Failed)
            ]
            took[executor] = time.perf_counter() - begun
            if failed:
                raise failed[0].error
            equal = all((root / "serial" / t.output.name).read_bytes() == t.output.read_bytes() for t in tasks)
            same &= equal
            rate, ratio = seconds / took[executor], took["serial"] / took[executor]
            print(
                f"{executor:<12} {workers:>7}   {took[executor]:>7.1f}   {rate:>11.1f}   {ratio:>8.2f}   "
                f"{'yes' if equal else 'NO'}",
                flush=True,
            )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
