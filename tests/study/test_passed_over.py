"""What is in a study and is not used is named, and the user's own files are never lost."""

import json
import os
from pathlib import Path

import pytest
from test_runner import Quiet

from evoked.core.errors import StudyError
from evoked.core.files import write_text
from evoked.core.progress import Progress
from evoked.core.step_outcome import StepOutcome
from evoked.core.study_layout import StudyLayout
from evoked.study.build_records import StepRecords
from evoked.study.layout import open_study
from evoked.study.passed_over import passed_over
from evoked.study.run import remove_stale
from evoked.study.runner import Runner, Work

STRANGE = os.fsdecode(b"bad\xff.mp4")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for name in ("contents/film.mp4", "contents/old.asf", "contents/clip.F4V", "contents/notes", "contents/.DS_Store",
                 "contents/.hidden.mp4", "contents/season2/ep1.mp4", "contents/season2/deep/ep2.mkv", "pairs.xlsx",
                 "reactions/r.mp4", f"reactions/{STRANGE}", "readme.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "reactions" / "pipe.mp4")
    (tmp_path / "reactions" / "gone.mp4").symlink_to("nowhere.mp4")
    return tmp_path


def test_each_thing_that_is_not_used_is_named_once(study: Path) -> None:
    told = {(alone.role, alone.name): alone.why for alone in passed_over(study)}
    assert set(told) == {
        ("content", "old.asf"), ("content", "clip.F4V"), ("content", "notes"), ("content", ".hidden.mp4"),
        ("content", "season2/"), ("reaction", r"bad\xff.mp4"), ("reaction", "pipe.mp4"), ("reaction", "gone.mp4"),
        ("study", "pairs.xlsx"),
    }  # fmt: skip
    assert told["content", "season2/"] == "a folder with 2 videos is passed over: put videos into contents/ itself"
    assert told["content", "clip.F4V"].startswith("a file that ends in .F4V is passed over: if it is a video")
    assert told["reaction", "pipe.mp4"] == "a pipe is passed over: only files are read"
    assert told["reaction", r"bad\xff.mp4"].startswith("its name is not UTF-8")
    assert [alone.name for alone in passed_over(study) if alone.failed] == [r"bad\xff.mp4"]
    assert all("\n" not in why for why in told.values())
    assert open_study(study).reactions == ("r.mp4",)


def test_a_study_whose_own_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"s\xe9")
    root.mkdir()
    with pytest.raises(StudyError, match=r"s\\xe9 has a name that is not UTF-8"):
        open_study(root)


HAND_MADE = json.dumps({"segments": [], "by": "hand"})


def work(layout: StudyLayout, text: str, key: str) -> Work:
    def do(_progress: Progress) -> None:
        write_text(layout.alignment("r.mp4"), text)

    return Work("align", "r.mp4", key, (layout.alignment("r.mp4"),), do)


def aside(layout: StudyLayout) -> list[str]:
    return [p.read_text() for p in sorted(layout.results.rglob("set_aside/**/*")) if p.is_file()]


@pytest.mark.parametrize("before", ["nothing", "an older result", "a result under the same key", "a failure"])
def test_a_hand_made_result_is_set_aside_before_it_is_replaced(tmp_path: Path, before: str) -> None:
    layout = StudyLayout(tmp_path, ("c.mp4",), ("r.mp4",))
    records = StepRecords(layout.results)
    if before in ("an older result", "a result under the same key"):
        Runner(records, Quiet()).do(work(layout, "evoked's", "1" if before == "an older result" else "2"))
    write_text(layout.alignment("r.mp4"), HAND_MADE)
    runner = Runner(StepRecords(layout.results), Quiet())

    assert runner.do(work(layout, "evoked's new", "2"))

    assert layout.alignment("r.mp4").read_text() == "evoked's new"
    assert aside(layout) == [HAND_MADE]
    told = [item for item in runner.items if item.step == "set aside"]
    assert [(item.name, item.state) for item in told] == [("r.mp4.json", "left out")]
    assert "set_aside/1/alignments/r.mp4.json" in told[0].reason
    Runner(StepRecords(layout.results), Quiet()).do(work(layout, "evoked's newer", "3"))
    assert aside(layout) == [HAND_MADE]  # its own is replaced without a word


def test_a_result_that_comes_back_from_the_cache_sets_a_hand_made_one_aside(tmp_path: Path) -> None:
    layout = StudyLayout(tmp_path, ("c.mp4",), ("r.mp4",))
    for key in ("1", "2"):
        Runner(StepRecords(layout.results), Quiet()).do(work(layout, f"result {key}", key))
    write_text(layout.alignment("r.mp4"), HAND_MADE)
    runner = Runner(StepRecords(layout.results), Quiet())
    assert runner.do(work(layout, "not done", "1"))
    assert layout.alignment("r.mp4").read_text() == "result 1"
    assert aside(layout) == [HAND_MADE]


def test_a_run_that_was_killed_before_its_record_finds_its_own_file(tmp_path: Path) -> None:
    layout = StudyLayout(tmp_path, ("c.mp4",), ("r.mp4",))
    written = json.dumps({"provenance": {"made_by": "align"}})

    def killed(_progress: Progress) -> None:
        write_text(layout.alignment("r.mp4"), written)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner(StepRecords(layout.results), Quiet()).do(
            Work("align", "r.mp4", "1", (layout.alignment("r.mp4"),), killed)
        )
    Runner(StepRecords(layout.results), Quiet()).do(work(layout, written, "1"))
    assert aside(layout) == []


def test_a_stale_file_of_the_users_is_set_aside_and_evokeds_is_removed(tmp_path: Path) -> None:
    layout = StudyLayout(tmp_path, ("c.mp4",), ("r.mp4",))
    runner = Runner(StepRecords(layout.results), Quiet())
    runner.do(work(layout, "evoked's", "1"))
    write_text(layout.alignment("other.mp4"), HAND_MADE)

    moved = remove_stale(layout, runner.records, [StepOutcome("align", "r.mp4", "failed", "damaged")], {})

    assert sorted(layout.alignments_folder.iterdir()) == []
    assert aside(layout) == [HAND_MADE]
    assert [path.name for path, _ in moved] == ["other.mp4.json"]
