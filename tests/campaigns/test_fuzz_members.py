"""Seeded members of the fuzzing campaign: no crash, no hang, no traceback, and one line for what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from campaigns.limited import Limits, run_limited
from campaigns.mutations import apply_mutation, draw_mutation
from evoked.cli import library

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
FORMATS = {
    "ts": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "webm": ("-c:v", "libvpx", "-cpu-used", "8", "-c:a", "libvorbis"),
    "mp4": ("-c:v", "mpeg4", "-c:a", "aac"),
    "mp3": ("-vn", "-c:a", "libmp3lame"),
}
CASES = 3
assert library.library.commands  # imported here, once, and not in each child
LIMITS = Limits(cpu_s=30, wall_s=120.0, memory_mb=1500)


@pytest.mark.parametrize("suffix", FORMATS)
def test_damaged_files_end_in_one_line_or_in_a_result(suffix: str, tmp_path: Path) -> None:
    bodies = []
    for seed in (1, 2):
        whole = tmp_path / f"{seed}.{suffix}"
        command = ["ffmpeg", "-v", "error", "-fflags", "+bitexact", "-f", "lavfi", "-i", "testsrc=s=96x64:r=10:d=3"]
        command += ["-f", "lavfi", "-i", f"anoisesrc=r=16000:d=3:seed={seed}", *FORMATS[suffix], "-flags", "+bitexact"]
        subprocess.run([*command, whole], check=True)
        bodies.append(whole.read_bytes())
    for case in range(CASES):
        folder = tmp_path / f"case{case}"
        folder.mkdir()
        mutation = draw_mutation(np.random.default_rng([7, case]), *map(len, bodies))
        (folder / f"damaged.{suffix}").write_bytes(apply_mutation(*bodies, mutation))
        outcome = run_limited(["library", "add", "library", f"damaged.{suffix}"], folder, LIMITS)
        assert outcome.fault == "", (mutation, outcome)
        assert outcome.code in (0, 1), (mutation, outcome)
        assert (folder / "library" / "contents.json").is_file() == (outcome.code == 0)


@pytest.mark.full
@pytest.mark.nets
def test_two_hundred_files_of_the_campaign(tmp_path: Path) -> None:
    """A reason is told for what differs, but where ffmpeg, asked to decode it all, finds nothing wrong either."""
    command = [sys.executable, BENCHMARK, "--cases", "200", "--seed", "0", "--folder", tmp_path]
    subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, check=False)
    rows = [json.loads(line) for line in (tmp_path / "seed-0" / "cases-0.jsonl").read_text().splitlines()]
    assert len(rows) == 200
    assert [row for row in rows if row["fault"]] == []
    differing = [row for row in rows if row["differs"]]
    unexplained = [row for row in differing if not row["told"] and row["ffmpeg"]]
    assert len(unexplained) <= 0.01 * len(differing), unexplained
