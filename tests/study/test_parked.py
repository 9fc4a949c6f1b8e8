"""Cached results are restored complete under their key, or not at all; the cache stays small."""

import os
import shutil
from pathlib import Path

import pytest

from evoked.core.errors import OutputError
from evoked.core.files import sha256, write_text
from evoked.core.step_outcome import StepOutcome
from evoked.core.study_layout import StudyLayout
from evoked.study.build_records import StepRecords
from evoked.study.result_cache import EACH
from evoked.study.run import remove_stale


def make(records: StepRecords, results: Path, key: str, text: str, step: str = "annotate", name: str = "r.mp4") -> Path:
    """Write the output of a step, then its record, as a runner does."""
    out = results / "annotations" / f"{name}.parquet"
    records.recall(step, name, key)
    write_text(out, text)
    records.write(step, name, key, [out])
    return out


def cached(results: Path) -> list[Path]:
    return sorted(p.parent for p in (results / "state" / "parked").rglob("record.json"))


def test_a_replaced_result_is_restored_under_its_key(tmp_path: Path) -> None:
    records = StepRecords(tmp_path)
    make(records, tmp_path, "right", "hours of work")
    out = make(records, tmp_path, "wrong", "something else")
    assert out.read_text() == "something else"

    assert records.recall("annotate", "r.mp4", "right")

    assert out.read_text() == "hours of work"
    assert StepRecords(tmp_path).is_kept("annotate", "r.mp4", "right")
    assert not StepRecords(tmp_path).is_kept("annotate", "r.mp4", "wrong")
    assert records.recall("annotate", "r.mp4", "wrong")  # and the other, too
    assert out.read_text() == "something else"


def test_a_removed_result_is_restored(tmp_path: Path) -> None:
    records = StepRecords(tmp_path)
    out = make(records, tmp_path, "right", "hours of work")
    records.archive("annotate", "r.mp4")
    assert out.read_text() == "hours of work"  # still in place
    out.unlink()
    assert StepRecords(tmp_path).recall("annotate", "r.mp4", "right")
    assert out.read_text() == "hours of work"


def test_nothing_is_restored_for_another_key_file_or_step(tmp_path: Path) -> None:
    records = StepRecords(tmp_path)
    make(records, tmp_path, "right", "hours of work").unlink()
    make(records, tmp_path, "wrong", "something else")
    assert not records.recall("annotate", "r.mp4", "right + another setting")
    assert not records.recall("annotate", "s.mp4", "right")
    assert not records.recall("align", "r.mp4", "right")


@pytest.mark.parametrize("harm", ["changed", "gone", "record", "copy not ended"])
def test_a_damaged_entry_is_not_restored(tmp_path: Path, harm: str) -> None:
    records = StepRecords(tmp_path)
    out = make(records, tmp_path, "right", "hours of work")
    make(records, tmp_path, "wrong", "something else")
    home = next(p for p in cached(tmp_path) if p.name == "right")
    if harm == "changed":
        (home / "0").write_text("hours of play")
    elif harm == "gone":
        (home / "0").unlink()
    elif harm == "record":
        (home / "record.json").write_text('{"key": "right", "outp')
    else:
        (home / "record.json").unlink()

    assert not records.recall("annotate", "r.mp4", "right")

    assert out.read_text() == "something else"
    make(records, tmp_path, "right", "made again")
    make(records, tmp_path, "wrong", "something else")
    assert records.recall("annotate", "r.mp4", "right")
    assert out.read_text() == "made again"


def test_outputs_changed_by_hand_are_not_cached(tmp_path: Path) -> None:
    records = StepRecords(tmp_path)
    out = make(records, tmp_path, "right", "hours of work")
    out.write_text("touched by hand")
    records.archive("annotate", "r.mp4")
    assert cached(tmp_path) == []


def test_old_entries_are_evicted_and_the_wanted_one_is_not(tmp_path: Path) -> None:
    records = StepRecords(tmp_path)
    make(records, tmp_path, "first", "first")
    for number in range(EACH):
        make(records, tmp_path, f"try {number}", str(number))
    assert len(cached(tmp_path)) == EACH
    assert records.recall("annotate", "r.mp4", "first")  # the oldest, while one more is cached
    for number in range(20):
        make(records, tmp_path, f"more {number}", str(number))
        assert len(cached(tmp_path)) <= EACH
    assert not records.recall("annotate", "r.mp4", "first")


def test_without_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuses)
    records = StepRecords(tmp_path)
    make(records, tmp_path, "right", "hours of work")
    out = make(records, tmp_path, "wrong", "something else")
    assert records.recall("annotate", "r.mp4", "right")
    assert out.read_text() == "hours of work"


def test_a_full_disk_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: Path) -> None:
        raise OSError(28, "No space left on device")

    records = StepRecords(tmp_path)
    make(records, tmp_path, "right", "hours of work")
    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OutputError, match=r"^cannot write .*parked.*: No space left on device\. Free some space"):
        records.archive("annotate", "r.mp4")


def results_of(tmp_path: Path, *reactions: str) -> StepRecords:
    records = StepRecords(tmp_path / "results")
    for name in reactions:
        make(records, tmp_path / "results", "right", f"the face of {name}", name=name)
    labels = tmp_path / "results" / "labels.parquet"
    write_text(labels, "what all of them voted")
    records.write("label", "", "right", [labels])
    return records


def test_stale_results_are_removed_and_can_be_restored(tmp_path: Path) -> None:
    records = results_of(tmp_path, "anna.mp4", "ben.mp4")
    folder = StudyLayout(tmp_path, ("content.mp4",), ("anna.mp4", "ben.mp4"))

    remove_stale(
        folder,
        records,
        [StepOutcome("annotate", "anna.mp4", "kept"), StepOutcome("pairs", "ben.mp4", "failed", "a typing error")],
        {},
    )

    assert [p.name for p in sorted(folder.results.glob("annotations/*"))] == ["anna.mp4.parquet"]
    assert not folder.labels.exists()
    again = StepRecords(folder.results)
    assert again.recall("annotate", "ben.mp4", "right")
    assert again.recall("label", "", "right")
    assert folder.annotation("ben.mp4").read_text() == "the face of ben.mp4"
    assert folder.labels.read_text() == "what all of them voted"


@pytest.mark.parametrize("cached_before", [False, True])
def test_with_a_recording_everything_derived_from_it_is_deleted(tmp_path: Path, cached_before: bool) -> None:
    records = results_of(tmp_path, "anna.mp4", "ben.mp4")
    both = StudyLayout(tmp_path, ("content.mp4",), ("anna.mp4", "ben.mp4"))
    if cached_before:
        remove_stale(both, records, [], {})
        assert len(cached(both.results)) == 3

    remove_stale(
        StudyLayout(tmp_path, ("content.mp4",), ("anna.mp4",)),
        records,
        [StepOutcome("annotate", "anna.mp4", "kept")],
        {},
    )

    everything = [p for p in both.results.rglob("*") if p.is_file()]
    assert not any("ben" in p.read_text() for p in everything if p.suffix != ".json")
    assert not any(sha256(p) == sha256_of("what all of them voted") for p in everything)
    assert not StepRecords(both.results).recall("annotate", "ben.mp4", "right")
    assert not StepRecords(both.results).recall("label", "", "right")


def sha256_of(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()
