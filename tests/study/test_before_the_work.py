"""What is checked before the first file: settings, pairs.csv, and whether the packages for training are installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_run import bytes_of, copied, ended, run, videos

__all__ = ["videos"]

HIDE_TORCH = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Hidden())
from evoked.cli.main import main
main()
"""


def run_without_torch(*words: object) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-c", HIDE_TORCH, *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def empty_study(tmp_path: Path) -> Path:
    """Two files that are no videos: whatever looks at them fails with their names."""
    for part in ("contents", "reactions"):
        (tmp_path / part).mkdir()
        (tmp_path / part / f"{part}.mp4").write_bytes(os.urandom(100))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "study.toml",
            f"expressions = {json.dumps(['amusement', 'surprise', *(f'feeling {i}' for i in range(13))])}\n",
            "[annotate] recogniser: no prototype for feeling 0, feeling 1",
        ),
        ("study.toml", '[annotate]\nrecogniser = "mine"\n', "[annotate] recogniser: no recogniser in"),
        ("study.toml", "[votes]\nthresholds = {joy = 0.4}\n", "[votes]: no expression 'joy' to set a threshold for"),
        ("pairs.csv", "who,what\na,b\n", "pairs.csv"),
        ("participants.csv", "recording,who\na,b\n", "participants.csv has no column participant"),
        ("participants.csv", "recording,participant\na,\n", "participants.csv line 2: no participant"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_study_that_cannot_work_is_refused_before_any_file(
    empty_study: Path, name: str, text: str, message: str, more: tuple[str, ...]
) -> None:
    (empty_study / name).write_text(text)
    code, items, stderr = run(empty_study, *more)
    assert (code, items) == (1, [])
    assert stderr.count("\n") == 1
    assert message in stderr
    assert "contents.mp4" not in stderr
    assert not (empty_study / "results").exists()


def test_a_participant_s_recording_that_is_not_there_is_told_and_the_rest_goes_on(empty_study: Path) -> None:
    (empty_study / "participants.csv").write_text("recording,participant\nreaction.mp4,P1\n")
    code, items, stderr = run(empty_study)
    told = {(item["step"], item["name"]): (item["state"], item["reason"]) for item in items}
    assert code == 1
    assert told["participants", "participants.csv"] == (
        "failed",
        "participants.csv line 2: no recording 'reaction.mp4'; did you mean 'reactions.mp4'?",
    )
    assert told["participants", "reactions.mp4"][0] == "left out"
    assert "did you mean 'reactions.mp4'?" in stderr
    assert ("check content", "contents.mp4") in told


@pytest.mark.nets
def test_without_torch_there_are_labels_features_and_a_report(videos: Path, tmp_path: Path) -> None:
    root = copied(videos, tmp_path / "study")
    done = run_without_torch("run", root, "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[0].startswith("note: torch is not installed, so nothing can be trained: ")
    assert "pip install 'evoked[train]'" in done.stderr.splitlines()[0]
    states = ended(json.loads(done.stdout)["items"])
    assert {step for step, state in states if state == "left out"} == {"hold out", "train"}
    assert {step for step, state in states if state == "done"} == {"align", "annotate", "label", "features", "report"}
    results = root / "results"
    page = (results / "report.html").read_text()
    assert "There are no scores: torch is not installed" in page
    assert 'id="failed-title"' not in page
    assert "2 left out" in page
    before = bytes_of(root, "labels.parquet", "features/*")

    again = run_without_torch("run", root, "--json")
    assert {state for _, state in ended(json.loads(again.stdout)["items"])} == {"kept", "left out"}

    code, items, stderr = run(root)  # torch is there now
    assert code == 0, stderr
    assert {step for step, state in ended(items) if state == "done"} == {"hold out", "evaluate", "train", "report"}
    assert bytes_of(root, "labels.parquet", "features/*") == before
    assert "not installed" not in (results / "report.html").read_text()

    kept = run_without_torch("run", root, "--json")  # what an earlier run trained stays
    assert {state for _, state in ended(json.loads(kept.stdout)["items"])} == {"kept"}


@pytest.mark.parametrize(
    "words",
    [
        ["train", "study"],
        ["train", "--features", "f", "--labels", "l.csv", "-o", "out"],
        ["recogniser", "train", "ratings.csv", "-o", "out"],
        ["ablate", "--features", "f", "--labels", "l.csv", "-o", "out"],
    ],
)
def test_what_only_trains_says_so_before_it_reads_anything(words: list[str]) -> None:
    done = run_without_torch(*words)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "needs torch, which is not installed. Run: pip install 'evoked[train]'" in done.stderr
