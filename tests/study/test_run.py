"""A complete small study of real videos: run, run again, with changes, with damaged files, and killed."""

import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from test_runner import Quiet

from evoked.api import studies as api
from evoked.core.expressions import EEV5
from evoked.core.tables import read_provenance, read_table
from evoked.core.time_grid import TimeGrid
from evoked.dataset.labels import read_labels
from evoked.faces.descriptors import models_of
from evoked.media.decode import AudioChunk, VideoFrame, read_media
from evoked.media.images import resize
from evoked.media.write import VideoWriter
from evoked.model.recognition import RecognitionConfig, recognition_shapes
from evoked.model.recognition_checkpoint import OperatingPoint, Recognition, load_recognition, save_recognition
from evoked.study.build_records import StepRecords
from evoked.study.label_steps import LabelSteps, playable
from evoked.study.layout import open_study
from evoked.study.plan import plan_study
from evoked.study.prediction_steps import PredictionSteps
from evoked.study.runner import Runner
from evoked.study.selection import StepSelection
from evoked.study.settings import read_settings
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS

pytestmark = pytest.mark.nets
SECONDS, FPS, HZ = 12, 12, 16000
STRETCHES = {"burrow.mp4": 60, "forest.mp4": 300}  # content → its second of Big Buck Bunny
LATE_S = 1  # the content begins this late in a reaction
TOML = """\
note = "staged: these people did not watch this film"
staged = true
[model]
image_units = 8
face_units = 4
audio_units = 4
window_s = 4
[train]
epochs = 2
threads = 1
[evaluate]
resamples = 50
time_shifts = 10
[report]
preview_height = 90
"""


def cut(path: Path, start_s: float, size: tuple[int, int]) -> tuple[list[np.ndarray], np.ndarray]:
    """SECONDS of a video from a second on: its frames at FPS and its audio at HZ."""
    grid = TimeGrid(Fraction(FPS), SECONDS * FPS, Fraction(start_s))
    pictures, sounds = [], []
    for item in read_media(path, frames=grid, audio_hz=HZ):
        if isinstance(item, VideoFrame):
            pictures.append(item.rgb(size))
        elif isinstance(item, AudioChunk):
            sounds.append(item.samples)
            if item.start > (start_s + SECONDS) * HZ and len(pictures) == grid.steps:
                break
    return pictures, np.concatenate(sounds)[round(start_s * HZ) : round((start_s + SECONDS) * HZ)]


def write(path: Path, pictures: list[np.ndarray], sound: np.ndarray) -> None:
    size = (pictures[0].shape[1], pictures[0].shape[0])
    with VideoWriter(path, size, Fraction(FPS), HZ) as video:
        for i, picture in enumerate(pictures):
            video.picture(picture)
            video.sound(sound[i * HZ // FPS : (i + 1) * HZ // FPS])


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two contents; beside each a woman who laughs, in a recording that begins a second earlier."""
    root = tmp_path_factory.mktemp("videos")
    cache = default_cache()
    for part in ("contents", "reactions"):
        (root / part).mkdir()
    (root / "study.toml").write_text(TOML)
    woman, _ = cut(cache.clip("WolfgangLanger_Pexels.mp4"), 7, (640, 360))
    for name, start_s in STRETCHES.items():
        pictures, sound = cut(cache.clip("bbb.mp4"), start_s, (320, 180))
        write(root / "contents" / name, pictures, sound)
        faces = [resize(np.ascontiguousarray(w[:, 280:]), (180, 180)) for w in woman]
        still = [np.zeros_like(pictures[0])] * (LATE_S * FPS)
        both = [np.hstack([a, b]) for a, b in zip([*still, *pictures], faces, strict=False)]
        write(root / "reactions" / f"at {name}", both, np.concatenate([np.zeros(LATE_S * HZ, np.float32), sound]))
    return root


def copied(videos: Path, to: Path) -> Path:
    """A study with the same videos and no results."""
    for part in ("contents", "reactions"):
        (to / part).mkdir(parents=True)
        for video in (videos / part).iterdir():
            (to / part / video.name).hardlink_to(video)
    (to / "study.toml").write_text(TOML)
    return to


def run(study: Path, *more: str) -> tuple[int, list[dict[str, str]], str]:
    """Exit code, how every item ended, and stderr."""
    call = [sys.executable, "-c", "from evoked.cli.main import main; main()", "run", str(study), "--json", *more]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)["items"] if done.stdout else [], done.stderr


def ended(items: list[dict[str, str]]) -> Counter[tuple[str, str]]:
    return Counter((item["step"], item["state"]) for item in items)


def bytes_of(study: Path, *parts: str) -> dict[str, bytes]:
    results = study / "results"
    files = [p for part in parts for p in sorted(results.glob(part)) if p.is_file()]
    assert files
    return {str(p.relative_to(results)): p.read_bytes() for p in files}


ALL = (
    "*.parquet",
    "*.csv",
    "*.json",
    "*.html",
    "alignments/*",
    "annotations/*",
    "features/*",
    "model/*",
    "predictions/*",
)


@pytest.fixture(scope="module")
def study(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study after one undisturbed run."""
    root = copied(videos, tmp_path_factory.mktemp("studies") / "one")
    code, items, stderr = run(root)
    assert code == 0, stderr
    assert {state for _, state in ended(items)} == {"done"}
    return root


def test_everything_comes_out(study: Path) -> None:
    results = study / "results"
    pairs = read_table(results / "pairs.csv")
    assert dict(zip(pairs["reaction"], pairs["content"], strict=True)) == {f"at {c}": c for c in STRETCHES}
    for name in STRETCHES:
        segments = json.loads((results / "alignments" / f"at {name}.json").read_text())["segments"]
        assert segments[0]["reaction_start_s"] - segments[0]["content_start_s"] == pytest.approx(LATE_S, abs=0.05)
        seen = read_table(results / "annotations" / f"at {name}.parquet")
        assert set(seen["viewer"]) == {"v1"}
        predicted = read_table(results / "predictions" / f"{name}.parquet")
        assert len(predicted["time_s"]) == SECONDS
        provenance = read_provenance(results / "predictions" / f"{name}.parquet")
        assert provenance is not None
        assert any(n.startswith("held out") for n in provenance["notes"])
    assert json.loads((results / "scores.json").read_text())["videos"] == sorted(STRETCHES)
    assert "staged: these people did not watch this film" in (results / "report.html").read_text()


def test_every_column_is_documented(study: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
    results = study / "results"
    names = {f"share_{EEV5[0]}", *EEV5}
    for table in (*results.glob("annotations/*"), *results.glob("predictions/*"), results / "labels.parquet"):
        names |= set(read_table(table))
    names |= {name for path in results.glob("features/*") for name in load_file(path)}
    names |= set(json.loads((results / "scores.json").read_text())["map"])
    documented = set(re.findall(r"\w+", page))
    assert {n for n in names if n not in documented and not n.startswith("share_") and n not in EEV5} == set()
    assert len(names) > 30


def test_the_labels_say_when_she_laughed(study: Path) -> None:
    labels = read_labels(study / "results" / "labels.parquet")["burrow.mp4"].labels
    laughs = labels.values[:, labels.names.index("amusement")]
    assert laughs[8:11].tolist() == [1, 1, 1]  # her 16th to 18th second
    for table in (*(study / "results" / "annotations").glob("*"), study / "results" / "labels.parquet"):
        assert list((read_provenance(table) or {})["config"]["unreliable"]) == ["concentration"]
    assert labels.valid.sum() >= SECONDS - 2


def test_a_second_run_does_nothing(study: Path) -> None:
    before = bytes_of(study, *ALL)
    stamps = {p: p.stat().st_mtime_ns for p in (study / "results").rglob("*") if p.is_file() and "state" not in p.parts}
    code, items, stderr = run(study)
    assert (code, {state for _, state in ended(items)}) == (0, {"kept"}), stderr
    assert bytes_of(study, *ALL) == before
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps


def test_workers_give_the_same_bytes(study: Path, videos: Path, tmp_path: Path) -> None:
    root = copied(videos, tmp_path / "together")
    code, items, stderr = run(root, "--executor", "processes", "--workers", "2")
    assert code == 0, stderr
    assert {state for _, state in ended(items)} == {"done"}
    parts = ("labels.parquet", "pairs.csv", "alignments/*", "features/*", "annotations/*", "predictions/*")
    assert bytes_of(root, *parts) == bytes_of(study, *parts)
    assert {state for _, state in ended(run(root)[1])} == {"kept"}  # the executor is no part of a key


def test_interrupted_it_ends_as_if_undisturbed_the_page_too(videos: Path, study: Path, tmp_path: Path) -> None:
    """Interrupted when the first features are there, and run again: every file is that of one run."""
    root = copied(videos, tmp_path / study.name)  # its folder's name is the title of the page
    call = [sys.executable, "-c", "from evoked.cli.main import main; main()", "run", str(root)]
    with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list((root / "results").glob("features/*.safetensors")):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 143
    code, items, stderr = run(root)
    assert code == 0, stderr
    assert {"kept", "done"} <= {state for _, state in ended(items)}
    run(study)  # another test may have left it with another setting
    assert bytes_of(root, *ALL) == bytes_of(study, *ALL)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare: a read-only disk cannot be made")
def test_a_finished_study_on_a_read_only_disk_is_kept_and_one_to_be_done_is_refused(
    study: Path, videos: Path, tmp_path: Path
) -> None:
    run(study)
    before = bytes_of(study, *ALL)
    code, out, said = read_only(study, "run", study, "--json")
    assert code == 0, said
    assert {item["step"] for item in json.loads(out)["items"] if item["state"] != "kept"} == {"log"}
    assert "nothing was to be done, and that could not be noted" in said
    assert bytes_of(study, *ALL) == before
    page = tmp_path / "page.html"
    code, _, said = read_only(study, "report", study, "-o", page)
    assert code == 0, said
    assert page.is_file()
    fresh = copied(videos, tmp_path / "fresh")
    code, _, said = read_only(fresh, "run", fresh)
    assert code == 1
    assert "ead-only file system" in said.strip().splitlines()[-1]
    assert sorted(p.name for p in fresh.iterdir()) == ["contents", "reactions", "study.toml"]


def read_only(folder: Path, *words: object) -> tuple[int, str, str]:
    """Run a command for which a folder is on a disk that cannot be written: exit code, stdout, stderr."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 77; exec "$@"'
    evoked = [sys.executable, "-c", "from evoked.cli.main import main; main()", *map(str, words)]
    call = ["unshare", "--mount", "sh", "-c", mount, str(folder), *evoked]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    if done.returncode == 77 or done.stderr.startswith("unshare: "):
        pytest.skip("only root may mount a read-only disk")
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def planned(study: Path) -> tuple[dict[str, str], Counter[tuple[str, str]]]:
    """Why each item would be done, by step and name, and how many would be what."""
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in study.rglob("*") if p.is_file()}
    code, items, stderr = run(study, "--dry-run")
    assert code == 0, stderr
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in study.rglob("*") if p.is_file()} == before
    why = {f"{i['step']} {i['name']}".strip(): i["why"] for i in items if i["state"] == "to do"}
    return why, ended(items)


def test_a_dry_run_says_what_would_be_done_and_why(videos: Path, study: Path, tmp_path: Path) -> None:
    root = copied(videos, tmp_path / "fresh")
    why, _ = planned(root)
    assert why["align at burrow.mp4"] == why["features burrow.mp4"] == "never done"
    assert why["annotate at burrow.mp4"] == "depends on align at burrow.mp4, which would be done"
    assert not (root / "results").exists()

    root = Path(shutil.copytree(study, tmp_path / "known", copy_function=shutil.copy2))
    run(root)  # another test may have left it with another setting
    why, _ = planned(root)
    assert why == {}

    (root / "reactions" / "at forest.mp4").rename(root / "away.mp4")
    _, states = planned(root)
    assert {item: n for item, n in states.items() if item[1] == "to remove"} == {
        ("align", "to remove"): 1,
        ("annotate", "to remove"): 1,
    }
    (root / "away.mp4").rename(root / "reactions" / "at forest.mp4")

    (root / "study.toml").write_text(TOML + "[votes]\nquorum = 11\n")
    why, states = planned(root)
    assert why["label"] == "setting votes.quorum: 9 -> 11"
    assert why["train"] == "depends on label, which would be done"
    assert {step for step, state in states if state == "kept"} == {"align", "annotate", "features"}
    (root / "study.toml").write_text(TOML)

    record = root / "results" / "state" / "features" / "forest.mp4.json"
    known = json.loads(record.read_text())
    known["parts"]["code"] -= 1  # as an older evoked left it
    record.write_text(json.dumps(known | {"key": "older"}))
    why, _ = planned(root)
    assert re.fullmatch(r"code version \d+ -> \d+", why["features forest.mp4"])
    assert "label" not in why
    del known["parts"]
    record.write_text(json.dumps(known | {"key": "older"}))
    assert planned(root)[0]["features forest.mp4"].startswith("unknown: the record does not say")

    shutil.copy2(root / "contents" / "forest.mp4", root / "contents" / "burrow.mp4")
    why, _ = planned(root)
    assert why["features burrow.mp4"] == "input changed"
    assert why["align at forest.mp4"] == "input burrow.mp4 changed"


def test_every_task_of_the_long_steps_can_be_sent_to_a_worker(study: Path) -> None:
    folder, settings = open_study(study), read_settings(study)
    runner = Runner(StepRecords(folder.results), Quiet())
    contents, reactions = playable(folder, runner)
    labels = LabelSteps(folder, settings, runner, default_cache(), contents)
    works = [labels.align_work(name, candidates) for name, candidates in labels.wanted(reactions).items()]
    works += [work for n in reactions if (work := labels.annotate_work(n, labels.paired(n))) is not None]
    works += [PredictionSteps(folder, settings, runner, default_cache()).features_work(name) for name in contents]
    assert Counter(work.step for work in works) == {"align": 2, "annotate": 2, "features": 2}
    for work in works:
        sent = pickle.loads(pickle.dumps(work))
        assert isinstance(work.do, partial)
        assert (sent.do.func, sent.do.args, sent.key) == (work.do.func, work.do.args, work.key)
        assert runner.records.is_kept(work.step, work.name, sent.key)


def test_a_changed_setting_redoes_only_what_depends_on_it(study: Path, videos: Path, tmp_path: Path) -> None:
    (study / "study.toml").write_text(TOML + "[votes]\nquorum = 12\n")
    try:
        _, items, _ = run(study)
        states = ended(items)
        assert {step for step, state in states if state == "done"} == {
            *("label", "hold out", "evaluate", "train", "report"),
        }
        assert {step for step, state in states if state == "kept"} == {"align", "annotate", "features"}
    finally:
        (study / "study.toml").write_text(TOML)


def test_a_changed_recogniser_redoes_only_what_depends_on_it(study: Path, tmp_path: Path) -> None:
    study = shutil.copytree(study, tmp_path / "own")  # other tests compare with what the prototype one saw
    config = RecognitionConfig(("blendshapes",), 52, ("amusement", "concentration", *EEV5[2:], "doubt"), units=4)
    draw = np.random.default_rng(0)
    arrays = {n: draw.normal(1, 0.1, s).astype(np.float32) for n, s in recognition_shapes(config).items()}
    point, nets = (
        OperatingPoint(0.3, "f0.5", 0.6, 0.4, 4, 8, 40),
        {n: NETS[n].sha256 for n in models_of(["blendshapes"])},
    )
    save_recognition(study / "mine", Recognition(config, arrays, ((1.0, 0.0),) * 6, (point,) * 6, nets))
    before = bytes_of(study, "alignments/*", "features/*")
    (study / "study.toml").write_text(TOML + '[annotate]\nrecogniser = "mine"\n')
    code, items, stderr = run(study)
    assert (code, items) == (1, []), stderr
    assert "amusement: the recogniser was not checked on moving faces" in stderr
    unchecked = TOML + "[annotate]\nallow_unvalidated = true\n"
    (study / "study.toml").write_text(unchecked + 'recogniser = "mine"\n')
    try:
        code, items, stderr = run(study)
        assert code == 0, stderr
        states = ended(items)
        assert {step for step, state in states if state == "kept"} == {"align", "features"}
        assert bytes_of(study, "alignments/*", "features/*") == before
        for name in STRETCHES:
            provenance = read_provenance(study / "results" / "annotations" / f"at {name}.parquet")
            assert provenance is not None
            assert provenance["config"]["recogniser_sha256"] == load_recognition(study / "mine")[1]
            assert "amusement" in provenance["config"]["unreliable"]
        (study / "mine").rename(study / "moved")
        (study / "study.toml").write_text(unchecked + 'recogniser = "moved"\n')
        assert {state for _, state in ended(run(study)[1])} == {"kept"}  # the folder does not count
        (study / "study.toml").write_text(unchecked + 'recogniser = "mine"\n')
        code, items, stderr = run(study)
        assert code == 1
        assert items == []  # nothing was begun
        assert "study.toml [annotate] recogniser: no recogniser in" in stderr
    finally:
        (study / "study.toml").write_text(TOML)


def test_one_bad_file_fails_only_its_own_items(videos: Path, study: Path, tmp_path: Path) -> None:
    root = copied(videos, tmp_path / "harmed")
    whole = next((videos / "reactions").iterdir()).read_bytes()
    (root / "reactions" / "half.mp4").write_bytes(whole[: len(whole) // 2])  # too little of it to be aligned
    (root / "contents" / "notes.mp4").write_text("I am a text")
    code, items, stderr = run(root)
    assert code == 1
    failed = {item["name"]: item["reason"] for item in items if item["state"] == "failed"}
    assert set(failed) == {"half.mp4", "notes.mp4"}
    assert all("\n" not in reason and name in reason for name, reason in failed.items())
    assert "(half.mp4 is cut off: its sound ends after " in failed["half.mp4"]
    assert "2 of" in stderr
    assert (root / "results" / "report.html").is_file()
    assert bytes_of(root, "annotations/*", "features/*") == bytes_of(study, "annotations/*", "features/*")
    shown = json.loads((root / "results" / "state" / "items.json").read_text())
    assert {row["name"] for row in shown if row["state"] == "failed"} == set(failed)


@pytest.mark.full
def test_a_wrong_pairs_csv_costs_no_work_once_it_is_right_again(study: Path, tmp_path: Path) -> None:
    """Aligned by audio; then pairs.csv with a wrong content, with a mistyped reaction, and removed again."""
    root = Path(shutil.copytree(study, tmp_path / "mistyped"))
    settings = (root / "study.toml").read_text()
    (root / "study.toml").write_text(f'match = "listed"\n{settings}')  # else a mistyped reaction is found by audio
    run(root)  # another test may have left it with another setting
    results = root / "results"
    parts = (
        "*.parquet",
        "*.csv",
        "scores.json",
        "alignments/*",
        "annotations/*",
        "features/*",
        "model/*",
        "predict*/*",
    )
    before = bytes_of(root, *parts)

    for named, watched in (("at forest.mp4", "burrow.mp4"), ("at forrest.mp4", "forest.mp4")):
        (root / "pairs.csv").write_text(f"reaction,content\nat burrow.mp4,burrow.mp4\n{named},{watched}\n")
        code, items, _ = run(root)
        assert code == 1
        assert any(item["state"] == "failed" and item["name"] == "at forest.mp4" for item in items)
        assert {"step": "annotate", "name": "at burrow.mp4", "state": "kept", "reason": ""} in items  # the same map
        assert [p.name for p in results.glob("annotations/*")] == ["at burrow.mp4.parquet"]
        assert list(read_labels(results / "labels.parquet")) == ["burrow.mp4"]
        assert not list(results.glob("predictions/*"))  # held-out scores need two
        assert not (results / "scores.json").exists()
        assert "at forest.mp4" not in (results / "pairs.csv").read_text()

    (root / "pairs.csv").unlink()
    code, items, stderr = run(root)
    assert code == 0, stderr
    assert {step for step, state in ended(items) if state != "kept"} == {"report"}
    assert bytes_of(root, *parts) == before
    assert {state for _, state in ended(run(root)[1])} == {"kept"}


def test_one_content_alone_has_everything_but_held_out_scores(study: Path, tmp_path: Path) -> None:
    root = tmp_path / "alone"
    shutil.copytree(study, root)
    (root / "contents" / "forest.mp4").unlink()
    (root / "reactions" / "at forest.mp4").unlink()

    for label in ("done", "kept"):
        code, items, stderr = run(root)
        assert code == 0, stderr
        by_step = {item["step"]: item for item in items}
        assert [by_step[step]["state"] for step in ("label", "train")] == [label, label]
        assert by_step["hold out"]["state"] == "left out"
        assert (
            "burrow.mp4 is the only content with labels, and held-out scores need two" in by_step["hold out"]["reason"]
        )
        assert "0 failed, 1 left out" in stderr
    assert list((root / "results" / "predictions").glob("*.parquet")) == []  # those of two contents would mislead
    assert not (root / "results" / "scores.json").exists()
    page = (root / "results" / "report.html").read_text()
    assert "There are no scores: burrow.mp4 is the only content with labels" in page
    assert 'id="failed-title"' not in page


@pytest.mark.full
@pytest.mark.parametrize("waits_s", [(4.0, 7.0, 11.0)])
def test_killed_at_any_moment_it_ends_as_if_undisturbed(
    videos: Path, study: Path, tmp_path: Path, waits_s: tuple[float, ...]
) -> None:
    root = copied(videos, tmp_path / "killed")
    for wait_s in waits_s:
        call = [sys.executable, "-c", "from evoked.cli.main import main; main()", "run", str(root)]
        with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
    code, _, stderr = run(root)
    assert code == 0, stderr
    parts = ("labels.parquet", "features/*", "annotations/*")
    run(study)  # another test may have left it with another setting
    assert bytes_of(root, *parts) == bytes_of(study, *parts)


def test_one_step_alone_and_the_steps_until_one(study: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(study, tmp_path / "steps", copy_function=shutil.copy2))
    run(root)  # another test may have left it with another setting
    others = bytes_of(
        root, "annotations/*", "features/*", "model/*", "report.html", "predictions/*", "state/items.json"
    )
    (root / "study.toml").write_text(TOML + "[votes]\nquorum = 11\n")
    plan = {(i.step, i.state) for i in plan_study(root, selection=StepSelection(only="train"))}
    assert plan == {("align", "kept"), ("annotate", "kept"), ("features", "kept"), ("label", "failed")}

    outcomes = api.run(root, only="train", offline=True).outcomes
    assert ("label", "failed") in {(o.step, o.state) for o in outcomes}
    assert not any(o.step == "train" for o in outcomes)  # it would be of labels that are out of date
    (reason,) = (o.reason for o in outcomes if o.state == "failed")
    assert reason.startswith("not up to date: setting votes.quorum: 9 -> 11. Only 'train' was asked for")

    assert {(i.step, i.state) for i in plan_study(root, selection=StepSelection(until="label"))} == {
        ("align", "kept"),
        ("annotate", "kept"),
        ("label", "to do"),
    }
    steps = Counter((o.step, o.state) for o in api.run(root, until="label", offline=True).outcomes)
    assert steps == {("align", "kept"): 2, ("annotate", "kept"): 2, ("label", "done"): 1}
    assert {o.step for o in api.run(root, only="features", offline=True).outcomes} == {"features"}
    assert bytes_of(root, *{f"{Path(p).parent}/*" for p in others if "/" in p}, "report.html").items() >= others.items()
    assert run(root, "--only", "label", "--until", "train")[0] == 2
    _, items, stderr = run(root)
    assert ("label", "kept") in ended(items)
    assert "again: train: input labels.parquet changed" in stderr
