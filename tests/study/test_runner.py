"""Work is done once and kept afterwards; a failure concerns one item only; a bug stops the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from evoked.core.errors import AlignmentError, MediaError, WeightsError
from evoked.core.files import write_text
from evoked.core.progress import Progress, silent
from evoked.core.step_outcome import StepOutcome
from evoked.study.build_records import StepRecords
from evoked.study.plan import Planner
from evoked.study.runner import Runner, Work
from evoked.study.selection import StepSelection


class Quiet:
    """Shows nothing; lists the labels of the bars, and what is done again."""

    def __init__(self) -> None:
        self.bars: list[str] = []
        self.redone: list[tuple[str, str]] = []

    @contextmanager
    def bar(self, label: str, /) -> Iterator[Progress]:
        self.bars.append(label)
        yield silent

    def item(self, item: StepOutcome, /) -> None:
        pass

    def redo(self, label: str, why: str, /) -> None:
        self.redone.append((label, why))


def writes(folder: Path, name: str, key: str = "k", text: str = "x") -> Work:
    out = folder / f"{name}.txt"
    return Work("write", name, key, [out], lambda progress: write_text(out, text))


def fails(name: str, error: BaseException) -> Work:
    def do(progress: Progress) -> None:
        raise error

    return Work("write", name, "k", [], do)


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    for expected in ("done", "kept"):
        show = Quiet()
        runner = Runner(StepRecords(tmp_path), show)
        assert runner.do(writes(tmp_path, "a"))
        assert [i.state for i in runner.items] == [expected]
        assert show.bars == (["write a"] if expected == "done" else [])


def test_only_what_changed_is_done_again(tmp_path: Path) -> None:
    first = Runner(StepRecords(tmp_path), Quiet())
    first.do(writes(tmp_path, "a"))
    first.do(writes(tmp_path, "b"))
    second = Runner(StepRecords(tmp_path), Quiet())
    second.do(writes(tmp_path, "a"))
    second.do(writes(tmp_path, "b", key="other", text="y"))
    assert [i.state for i in second.items] == ["kept", "done"]
    assert (tmp_path / "b.txt").read_text() == "y"


def test_one_bad_file_fails_only_its_own_item(tmp_path: Path) -> None:
    runner = Runner(StepRecords(tmp_path), Quiet())
    assert not runner.do(fails("bad", MediaError("bad.mp4 is empty")))
    assert runner.do(writes(tmp_path, "good"))
    assert [(i.state, i.reason) for i in runner.items] == [("failed", "bad.mp4 is empty"), ("done", "")]
    assert [i.name for i in runner.failed] == ["bad"]


def test_an_output_that_was_not_written_fails_only_its_own_item(tmp_path: Path) -> None:
    runner = Runner(StepRecords(tmp_path), Quiet())
    out = tmp_path / "a.txt"
    assert not runner.do(Work("write", "a", "k", [out], lambda progress: None))
    assert runner.do(writes(tmp_path, "b"))
    first, second = runner.items
    assert first.state == "failed"
    assert first.reason.startswith(f"write ended, but {out} does not exist. Run it again")
    assert "\n" not in first.reason
    assert second.state == "done"
    assert not StepRecords(tmp_path).is_kept("write", "a", "k")


def test_a_failure_is_tried_again_next_time(tmp_path: Path) -> None:
    Runner(StepRecords(tmp_path), Quiet()).do(fails("a", MediaError("no")))
    again = Runner(StepRecords(tmp_path), Quiet())
    assert again.do(writes(tmp_path, "a"))
    assert again.items[0].state == "done"


def test_a_finding_is_reported_again_without_repeating_the_work(tmp_path: Path) -> None:
    out, done_keys = tmp_path / "a.txt", []

    def outcomes(key: str, error: Exception | None) -> list[tuple[str, str]]:
        def do(progress: Progress) -> None:
            done_keys.append(key)
            if error:
                raise error
            write_text(out, "x")

        runner = Runner(StepRecords(tmp_path), Quiet())
        runner.do(Work("align", "a", key, [out], do, findings=(AlignmentError,)))
        return [(i.state, i.reason) for i in runner.items]

    none = AlignmentError("a.mp4 does not play it")
    assert outcomes("one", none) == outcomes("one", none) == [("failed", "a.mp4 does not play it")]
    assert done_keys == ["one"]
    assert outcomes("two", None) == [("done", "")]  # another content, or another setting
    assert done_keys == ["one", "two"]
    assert outcomes("one", WeightsError("no net")) == [
        ("failed", "no net")
    ]  # only the last of two findings is recorded
    assert outcomes("one", none) == [("failed", "a.mp4 does not play it")]  # other errors are tried again
    assert done_keys == ["one", "two", "one", "one"]
    assert outcomes("two", RuntimeError("looked")) == [("kept", "")]  # and the earlier result is restored


def test_in_a_study_that_was_moved_findings_are_not_reused(tmp_path: Path) -> None:
    def failed(folder: Path) -> str:
        runner = Runner(StepRecords(folder), Quiet())
        runner.do(replace(fails("a", AlignmentError(f"{folder}/a.mp4 does not play it")), findings=(AlignmentError,)))
        return runner.items[0].reason

    (tmp_path / "old").mkdir()
    assert "/old/" in failed(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    assert "/new/" in failed(tmp_path / "new")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_bugs_and_interruptions_are_not_hidden(tmp_path: Path, error: BaseException) -> None:
    runner = Runner(StepRecords(tmp_path), Quiet())
    with pytest.raises(type(error)):
        runner.do(fails("a", error))
    assert not StepRecords(tmp_path).is_kept("write", "a", "k")


def aligns(folder: Path, key: str) -> Work:
    def do(progress: Progress) -> None:
        raise AlignmentError("a shows none of the contents")

    return Work("align", "a", key, [folder / "a.txt"], do, findings=(AlignmentError,))


def test_a_finding_under_the_same_key_blocks_no_step_that_is_done_alone(tmp_path: Path) -> None:
    Runner(StepRecords(tmp_path), Quiet()).do(aligns(tmp_path, "k"))
    only = StepSelection(only="label")
    for key, blocked in (("k", False), ("other", True)):
        runner = Runner(StepRecords(tmp_path), Quiet(), selection=only)
        planner = Planner(StepRecords(tmp_path, read_only=True), only)
        assert not runner.do(aligns(tmp_path, key))
        assert not planner.do(aligns(tmp_path, key))
        assert (runner.blocked, planner.blocked) == (blocked, blocked)
        assert runner.items[0].reason == planner.planned[0].why
        assert runner.items[0].reason.startswith("not up to date" if blocked else "a shows none")


def test_files_of_a_step_that_is_not_chosen_stay_where_they_are(tmp_path: Path) -> None:
    work = replace(writes(tmp_path, "a"), step="hold out")
    (tmp_path / "a.txt").write_text("the user's")
    Runner(StepRecords(tmp_path), Quiet(), selection=StepSelection(only="evaluate")).prepare([work])
    assert (tmp_path / "a.txt").read_text() == "the user's"
    Runner(StepRecords(tmp_path), Quiet()).prepare([work])
    assert not (tmp_path / "a.txt").exists()
