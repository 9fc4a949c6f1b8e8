"""Work is done once, kept afterwards; a failure stays alone; a bug is no failure."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from evoked.core.errors import AlignmentError, MediaError, WeightsError
from evoked.core.files import write_text
from evoked.core.progress import Progress, silent
from evoked.study.build_records import StepOutcome, StepRecords
from evoked.study.runner import Runner, Work


class Quiet:
    """Shows nothing, remembers the bars."""

    def __init__(self) -> None:
        self.bars: list[str] = []

    @contextmanager
    def bar(self, what: str) -> Iterator[Progress]:
        self.bars.append(what)
        yield silent

    def item(self, item: StepOutcome) -> None:
        pass


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


def test_one_bad_file_does_not_take_the_rest_with_it(tmp_path: Path) -> None:
    runner = Runner(StepRecords(tmp_path), Quiet())
    assert not runner.do(fails("bad", MediaError("bad.mp4 is empty")))
    assert runner.do(writes(tmp_path, "good"))
    assert [(i.state, i.reason) for i in runner.items] == [("failed", "bad.mp4 is empty"), ("done", "")]
    assert [i.name for i in runner.failed] == ["bad"]


def test_a_failure_is_tried_again_next_time(tmp_path: Path) -> None:
    Runner(StepRecords(tmp_path), Quiet()).do(fails("a", MediaError("no")))
    again = Runner(StepRecords(tmp_path), Quiet())
    assert again.do(writes(tmp_path, "a"))
    assert again.items[0].state == "done"


def test_what_was_found_is_told_again_without_looking(tmp_path: Path) -> None:
    out, looked = tmp_path / "a.txt", []

    def told(key: str, error: Exception | None) -> list[tuple[str, str]]:
        def do(progress: Progress) -> None:
            looked.append(key)
            if error:
                raise error
            write_text(out, "x")

        runner = Runner(StepRecords(tmp_path), Quiet())
        runner.do(Work("align", "a", key, [out], do, findings=(AlignmentError,)))
        return [(i.state, i.reason) for i in runner.items]

    none = AlignmentError("a.mp4 does not play it")
    assert told("one", none) == told("one", none) == [("failed", "a.mp4 does not play it")]
    assert looked == ["one"]
    assert told("two", None) == [("done", "")]  # another film, or another setting
    assert looked == ["one", "two"]
    assert told("one", WeightsError("no net")) == [("failed", "no net")]  # of two findings only the last is known
    assert told("one", none) == [("failed", "a.mp4 does not play it")]  # what is no finding is tried again
    assert looked == ["one", "two", "one", "one"]
    assert told("two", RuntimeError("looked")) == [("kept", "")]  # and costs nothing that was made before


def test_a_finding_of_a_study_that_was_moved_is_looked_into_again(tmp_path: Path) -> None:
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
