"""Work in worker processes gives the same outcomes as in this process; every task can be pickled."""

import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from test_runner import Quiet

from evoked.core.errors import AlignmentError
from evoked.core.files import write_text
from evoked.core.progress import Progress, silent
from evoked.parallel.pool import Done, Failed, SerialPool
from evoked.parallel.processes import ProcessPool
from evoked.study.build_records import StepRecords
from evoked.study.runner import Runner, Work


def write_name(out: Path, progress: Progress) -> str:
    write_text(out, out.stem)
    return f"wrote {out.stem}"


def refuse(out: Path, progress: Progress) -> None:
    raise AlignmentError(f"{out.stem} plays none")


def works(folder: Path) -> list[Work]:
    """Three items, of which the middle one fails with a finding."""
    outs = {name: folder / f"{name}.txt" for name in "abc"}
    return [
        Work(
            "write", name, "k", (out,), partial(refuse if name == "b" else write_name, out), findings=(AlignmentError,)
        )
        for name, out in outs.items()
    ]


def test_items_end_the_same_on_every_executor(tmp_path: Path) -> None:
    ended = {}
    for executor in (None, SerialPool(), ProcessPool(2)):
        folder = tmp_path / type(executor).__name__
        folder.mkdir()
        runner = Runner(StepRecords(folder), Quiet(), executor)
        assert list(runner.do_all(works(folder)).values()) == [True, False, True]
        ended[folder.name] = [(i.name, i.state, i.reason) for i in runner.items]
        assert (folder / "c.txt").read_text() == "c"
        again = Runner(StepRecords(folder), Quiet(), executor)
        assert list(again.do_all(works(folder)).values()) == [True, False, True]
        assert [i.state for i in again.items] == ["kept", "failed", "kept"]
    first = [("a", "done", "wrote a"), ("b", "failed", "b plays none"), ("c", "done", "wrote c")]
    assert list(ended.values()) == [first] * 3


class SeveralAtOnce(SerialPool):
    """A pool of eight workers."""

    workers = 8


def test_progress_says_how_many_items_run_at_once(tmp_path: Path) -> None:
    for pool, label in ((SeveralAtOnce(), "write 3 items, 3 at once"), (SerialPool(), "write 3 items")):
        (folder := tmp_path / type(pool).__name__).mkdir()
        show = Quiet()
        Runner(StepRecords(folder), show, pool).do_all(works(folder))
        assert show.bars == [label]


class Interrupted:
    """A pool that is interrupted after its first item."""

    def run(self, work, items) -> Iterator[Done[Work, str] | Failed[Work]]:  # type: ignore[no-untyped-def]
        yield next(iter(SerialPool().run(work, items)))
        raise KeyboardInterrupt


def test_an_interruption_loses_only_what_is_running(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Runner(StepRecords(tmp_path), Quiet(), Interrupted()).do_all(works(tmp_path))
    again = Runner(StepRecords(tmp_path), Quiet(), SerialPool())
    again.do_all(works(tmp_path))
    assert [i.state for i in again.items] == ["kept", "failed", "done"]


def test_a_work_is_the_same_after_pickling(tmp_path: Path) -> None:
    (work, *_) = works(tmp_path)
    back = pickle.loads(pickle.dumps(work))
    assert back.do(silent) == "wrote a"
    assert (back.step, back.name, back.key, back.outputs, back.findings) == (
        "write",
        "a",
        "k",
        work.outputs,
        work.findings,
    )
