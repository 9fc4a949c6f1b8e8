import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evoked.cli.features import features
from evoked.features.files import read_features, read_features_provenance
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets


def evoked(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from evoked.cli.main import main; main()", "features", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_one_video_to_one_file(cache: Cache, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "man.safetensors"

    ran = evoked(cache.clip("single_face.mp4"), "-o", out)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"{out}\n"
    assert read_features(out).face_valid[:, 0].all()
    assert read_features_provenance(out)["made_by"] == "features"


def test_a_bad_one_among_good_ones(cache: Cache, tmp_path: Path) -> None:
    good = shutil.copy(cache.clip("single_face.mp4"), tmp_path / "good.mp4")
    bad = tmp_path / "bad.mp4"
    bad.write_text("I am a text")

    ran = evoked(bad, good, "-o", tmp_path / "out")

    assert ran.returncode == 1
    assert "failed: " in ran.stderr
    assert "bad.mp4" in ran.stderr
    assert "1 of 2 videos could not be described" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["good.safetensors"]


@pytest.mark.parametrize("executor", ["processes", pytest.param("ray", marks=pytest.mark.ray)])
def test_every_executor_gives_the_same_bytes(cache: Cache, tmp_path: Path, executor: str) -> None:
    if executor == "ray":
        pytest.importorskip("ray", reason="Ray is not installed: make test-ray installs it")
    clips = [shutil.copy(cache.clip("single_face.mp4"), tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    for name, words in {"serial": [], executor: ["--executor", executor, "--workers", 2]}.items():
        ran = evoked(*clips, tmp_path / "none.mp4", "-o", tmp_path / name, "--threads", 1, *words)
        assert ran.returncode == 1, ran.stderr
        assert ran.stdout.split() == [str(tmp_path / name / f"{n}.safetensors") for n in "abc"]  # in their order
        assert "1 of 4 videos could not be described" in ran.stderr
        assert "Traceback" not in ran.stderr

    for name in ("a.safetensors", "b.safetensors", "c.safetensors"):
        assert (tmp_path / executor / name).read_bytes() == (tmp_path / "serial" / name).read_bytes()


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "noise", "folder"])
def test_what_is_no_video_is_one_line(tmp_path: Path, damage: str) -> None:
    video = tmp_path / f"{damage}.mp4"
    if damage == "folder":
        video.mkdir()
    elif damage != "missing":
        video.write_bytes({"empty": b"", "text": b"I am a text\n", "noise": bytes(range(7, 250)) * 90}[damage])

    ran = evoked(video, "-o", tmp_path / "out.safetensors")

    assert ran.returncode == 1
    lines = [line for line in ran.stderr.splitlines() if line.strip()]
    assert len(lines) == 1
    assert lines[0].startswith("evoked: ")
    assert f"{damage}.mp4" in lines[0]
    assert ran.stdout == ""
    assert not (tmp_path / "out.safetensors").exists()


def test_json_says_how_each_ended(cache: Cache, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        features, [str(cache.clip("single_face.mp4")), str(tmp_path / "no.mp4"), "-o", str(tmp_path / "o"), "--json"]
    )

    rows = json.loads(result.stdout)
    assert [r["state"] for r in rows] == ["done", "failed"]
    assert rows[0]["seconds"] == 3
    assert "no.mp4" in rows[1]["reason"]
    assert "1 of 2 videos could not be described" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a/x.mp4", "b/x.mp4", "-o", "out"], "both be written as x.mp4.safetensors"),
        (["a.mp4", "a.mp4", "-o", "out"], "a video is given twice"),
        (["a.mp4", "b.mp4", "-o", __file__], "name a folder for several"),
        (["a.mp4", "-o", "out", "--detector-size", "5"], "detector_size must be at least 32"),
        (["a.mp4"], "Missing option"),
        (["a.mp4", "-o", "out", "--executor", "serial", "--workers", "2"], "serial has one worker, got 2"),
        (["a.mp4", "-o", "out", "--address", "auto"], "an address is for the executor ray"),
        (["a.mp4", "-o", "out", "--executor", "slurm"], "'slurm' is not one of"),
    ],
)
def test_wrong_use(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(features, arguments)

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes these clips")
def test_damage_is_told_in_every_place_and_its_seconds_are_not_valid(cache: Cache, tmp_path: Path) -> None:
    pieces = []
    for name, starts_s in (("a.ts", 0), ("b.ts", 7)):
        source = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=15:d=3", "-f", "lavfi", "-i", "sine=d=3")
        codecs = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "mp2", "-output_ts_offset", str(starts_s))
        subprocess.run(["ffmpeg", "-v", "error", *source, *codecs, str(tmp_path / name)], check=True)
        pieces.append((tmp_path / name).read_bytes())
    video, cut, out = tmp_path / "gap.ts", tmp_path / "cut.mkv", tmp_path / "out"
    video.write_bytes(pieces[0] + pieces[1] + pieces[0])
    whole = tmp_path / "whole.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.ts"), "-c", "copy", str(whole)], check=True)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])

    ran = evoked(video, cut, "-o", out, "--json", "--offline")

    assert ran.returncode == 0, ran.stderr
    rows = {Path(row["video"]).name: row for row in json.loads(ran.stdout)}
    gaps = [d for d in rows["gap.ts"]["damage"] if d["kind"] == "gap"]
    assert [(round(d["from_s"]), round(d["to_s"])) for d in gaps] == [(3, 7), (3, 7)]
    assert rows["gap.ts"]["seconds"] in (13, 14)  # 3 s, a gap of 4 s, 3 s and 3 s
    assert [d["kind"] for d in rows["cut.mkv"]["damage"] if d["kind"] not in ("undecodable", "reported")] == ["cut_off"]
    for name, row in rows.items():
        provenance = read_features_provenance(out / f"{Path(name).stem}.safetensors")
        assert [{k: v for k, v in d.items() if k != "file"} for d in provenance["damage"]] == row["damage"]
        for entry in row["damage"]:
            assert entry["text"] in ran.stderr
    assert np.flatnonzero(~read_features(out / "gap.safetensors").image.valid).tolist() == [4, 5, 6]
