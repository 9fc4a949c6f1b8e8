"""An item is kept under the same key with unchanged outputs; any other is done again."""

import json
import os
from pathlib import Path

import pytest

from evoked.core.step_outcome import StepOutcome
from evoked.study.build_records import StepRecords


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "labels" / "a.parquet"
    path.parent.mkdir()
    path.write_bytes(b"first")
    return path


def test_the_same_key_and_untouched_outputs_are_kept(tmp_path: Path, output: Path) -> None:
    records = StepRecords(tmp_path)
    key = records.key(inputs=["a"], settings={"quorum": 9})
    assert not records.is_kept("label", "a.mp4", key)
    records.write("label", "a.mp4", key, [output])
    assert StepRecords(tmp_path).is_kept("label", "a.mp4", key)
    assert not records.is_kept("label", "b.mp4", key)
    assert not records.is_kept("annotate", "a.mp4", key)


def test_another_setting_is_another_key(tmp_path: Path, output: Path) -> None:
    records = StepRecords(tmp_path)
    records.write("label", "a", records.key(quorum=9), [output])
    assert not records.is_kept("label", "a", records.key(quorum=10))
    assert records.key(a=1, b=2) == records.key(b=2, a=1)


@pytest.mark.parametrize("harm", ["gone", "changed", "changed, same size and time"])
def test_an_output_that_was_touched_is_made_again(tmp_path: Path, output: Path, harm: str) -> None:
    records = StepRecords(tmp_path)
    records.write("label", "a", "k", [output])
    before = output.stat()
    if harm == "gone":
        output.unlink()
    else:
        output.write_bytes(b"second" if harm == "changed" else b"FIRST")
    if harm.endswith("size and time"):
        os.utime(output, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert StepRecords(tmp_path).is_kept("label", "a", "k")  # the cost of not hashing every video in every run
    else:
        assert not StepRecords(tmp_path).is_kept("label", "a", "k")


def test_a_file_that_exists_is_not_taken_for_done(tmp_path: Path, output: Path) -> None:
    assert not StepRecords(tmp_path).is_kept("label", "a", "k")


def test_a_damaged_record_means_do_it_again(tmp_path: Path, output: Path) -> None:
    records = StepRecords(tmp_path)
    records.write("label", "a", "k", [output])
    record = next((tmp_path / "state" / "label").iterdir())
    record.write_text('{"key": "k", "outp')
    assert not StepRecords(tmp_path).is_kept("label", "a", "k")


def test_names_with_slashes_and_dots_stay_inside(tmp_path: Path, output: Path) -> None:
    records = StepRecords(tmp_path)
    for name in ("../../x", "a/b", "ünï.mp4", ""):
        records.write("label", name, "k", [output])
        assert records.is_kept("label", name, "k")
    inside = (tmp_path / "state" / "label").resolve()
    assert len(list(inside.iterdir())) == 4


def test_a_digest_is_read_again_when_the_file_changed(tmp_path: Path, output: Path) -> None:
    records = StepRecords(tmp_path)
    first = records.content_digest(output)
    assert records.content_digest(output) == first
    output.write_bytes(b"longer than before")
    assert records.content_digest(output) != first


def test_how_the_run_ended_is_written_for_people(tmp_path: Path) -> None:
    StepRecords(tmp_path).write_items([StepOutcome("annotate", "r.mp4", "failed", "no face")])
    rows = json.loads((tmp_path / "state" / "items.json").read_text())
    assert rows == [{"step": "annotate", "name": "r.mp4", "state": "failed", "reason": "no face"}]


def test_a_record_says_what_changed(tmp_path: Path, output: Path) -> None:
    records = StepRecords(tmp_path)
    before = records.key(code=1, inputs={"a": "1", "b": "2"}, config={"votes": {"quorum": 9, "merge": "pool"}}, nets={})
    assert records.changes("label", "a", before) == ("never done",)
    records.write("label", "a", before, [output])
    now = records.key(
        code=2, inputs={"a": "x", "c": "3"}, config={"votes": {"quorum": 10, "merge": "pool"}}, nets={"yunet": "5"}
    )
    assert set(StepRecords(tmp_path).changes("label", "a", now)) == {
        "code version 1 -> 2",
        "input a changed",
        "input b is gone",
        "input c is new",
        "setting votes.quorum: 9 -> 10",
        "network yunet is new",
    }
    output.write_bytes(b"mine")
    assert StepRecords(tmp_path).changes("label", "a", before) == ("its output was changed or is gone",)


def test_read_only_records_write_nothing(tmp_path: Path, output: Path) -> None:
    records = StepRecords(tmp_path, read_only=True)
    assert len(records.content_digest(output)) == 64
    assert not (tmp_path / "state").exists()
