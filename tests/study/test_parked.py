"""What is put by comes back whole under its own key, or not at all; and it never piles up."""

import os
import shutil
from pathlib import Path

import pytest

from evoked.core.errors import OutputError
from evoked.core.files import sha256, write_text
from evoked.core.study_layout import StudyLayout
from evoked.study.build_records import StepOutcome, StepRecords
from evoked.study.result_cache import EACH
from evoked.study.run import remove_stale


def make(ledger: StepRecords, results: Path, key: str, text: str, step: str = "annotate", name: str = "r.mp4") -> Path:
    """What a step does: its output, then the record of it."""
    out = results / "annotations" / f"{name}.parquet"
    ledger.recall(step, name, key)
    write_text(out, text)
    ledger.write(step, name, key, [out])
    return out


def parked(results: Path) -> list[Path]:
    return sorted(p.parent for p in (results / "state" / "parked").rglob("record.json"))


def test_what_was_replaced_comes_back_under_its_key(tmp_path: Path) -> None:
    ledger = StepRecords(tmp_path)
    make(ledger, tmp_path, "right", "hours of work")
    out = make(ledger, tmp_path, "wrong", "something else")
    assert out.read_text() == "something else"

    assert ledger.recall("annotate", "r.mp4", "right")

    assert out.read_text() == "hours of work"
    assert StepRecords(tmp_path).is_kept("annotate", "r.mp4", "right")
    assert not StepRecords(tmp_path).is_kept("annotate", "r.mp4", "wrong")
    assert ledger.recall("annotate", "r.mp4", "wrong")  # and so does the other
    assert out.read_text() == "something else"


def test_what_was_taken_away_comes_back(tmp_path: Path) -> None:
    ledger = StepRecords(tmp_path)
    out = make(ledger, tmp_path, "right", "hours of work")
    ledger.archive("annotate", "r.mp4")
    assert out.read_text() == "hours of work"  # it stays until somebody removes it
    out.unlink()
    assert StepRecords(tmp_path).recall("annotate", "r.mp4", "right")
    assert out.read_text() == "hours of work"


def test_another_key_another_file_or_another_step_is_not_given(tmp_path: Path) -> None:
    ledger = StepRecords(tmp_path)
    make(ledger, tmp_path, "right", "hours of work").unlink()
    make(ledger, tmp_path, "wrong", "something else")
    assert not ledger.recall("annotate", "r.mp4", "right + another setting")
    assert not ledger.recall("annotate", "s.mp4", "right")
    assert not ledger.recall("align", "r.mp4", "right")


@pytest.mark.parametrize("harm", ["changed", "gone", "record", "copy not ended"])
def test_what_is_damaged_is_made_again(tmp_path: Path, harm: str) -> None:
    ledger = StepRecords(tmp_path)
    out = make(ledger, tmp_path, "right", "hours of work")
    make(ledger, tmp_path, "wrong", "something else")
    home = next(p for p in parked(tmp_path) if p.name == "right")
    if harm == "changed":
        (home / "0").write_text("hours of play")
    elif harm == "gone":
        (home / "0").unlink()
    elif harm == "record":
        (home / "record.json").write_text('{"key": "right", "outp')
    else:
        (home / "record.json").unlink()

    assert not ledger.recall("annotate", "r.mp4", "right")

    assert out.read_text() == "something else"
    make(ledger, tmp_path, "right", "made again")
    make(ledger, tmp_path, "wrong", "something else")
    assert ledger.recall("annotate", "r.mp4", "right")
    assert out.read_text() == "made again"


def test_what_somebody_changed_by_hand_is_not_put_by(tmp_path: Path) -> None:
    ledger = StepRecords(tmp_path)
    out = make(ledger, tmp_path, "right", "hours of work")
    out.write_text("touched by hand")
    ledger.archive("annotate", "r.mp4")
    assert parked(tmp_path) == []


def test_it_never_piles_up_and_the_wanted_one_stays(tmp_path: Path) -> None:
    ledger = StepRecords(tmp_path)
    make(ledger, tmp_path, "first", "first")
    for number in range(EACH):
        make(ledger, tmp_path, f"try {number}", str(number))
    assert len(parked(tmp_path)) == EACH
    assert ledger.recall("annotate", "r.mp4", "first")  # the oldest, just when one more is put by
    for number in range(20):
        make(ledger, tmp_path, f"more {number}", str(number))
        assert len(parked(tmp_path)) <= EACH
    assert not ledger.recall("annotate", "r.mp4", "first")


def test_where_a_disk_knows_no_second_names_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuses)
    ledger = StepRecords(tmp_path)
    make(ledger, tmp_path, "right", "hours of work")
    out = make(ledger, tmp_path, "wrong", "something else")
    assert ledger.recall("annotate", "r.mp4", "right")
    assert out.read_text() == "hours of work"


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: Path) -> None:
        raise OSError(28, "No space left on device")

    ledger = StepRecords(tmp_path)
    make(ledger, tmp_path, "right", "hours of work")
    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OutputError, match=r"^cannot write .*parked.*: No space left on device\. Free some space"):
        ledger.archive("annotate", "r.mp4")


def results_of(tmp_path: Path, *reactions: str) -> StepRecords:
    ledger = StepRecords(tmp_path / "results")
    for name in reactions:
        make(ledger, tmp_path / "results", "right", f"the face of {name}", name=name)
    labels = tmp_path / "results" / "labels.parquet"
    write_text(labels, "what all of them voted")
    ledger.write("label", "", "right", [labels])
    return ledger


def test_a_run_takes_away_what_does_not_hold_and_can_put_it_back(tmp_path: Path) -> None:
    ledger = results_of(tmp_path, "anna.mp4", "ben.mp4")
    folder = StudyLayout(tmp_path, ("film.mp4",), ("anna.mp4", "ben.mp4"))

    remove_stale(
        folder,
        ledger,
        [StepOutcome("annotate", "anna.mp4", "kept"), StepOutcome("pairs", "ben.mp4", "failed", "a typing error")],
    )

    assert [p.name for p in sorted(folder.results.glob("annotations/*"))] == ["anna.mp4.parquet"]
    assert not folder.labels.exists()
    again = StepRecords(folder.results)
    assert again.recall("annotate", "ben.mp4", "right")
    assert again.recall("label", "", "right")
    assert folder.annotation("ben.mp4").read_text() == "the face of ben.mp4"
    assert folder.labels.read_text() == "what all of them voted"


@pytest.mark.parametrize("put_by_before", [False, True])
def test_with_a_recording_goes_what_was_learnt_from_it(tmp_path: Path, put_by_before: bool) -> None:
    ledger = results_of(tmp_path, "anna.mp4", "ben.mp4")
    both = StudyLayout(tmp_path, ("film.mp4",), ("anna.mp4", "ben.mp4"))
    if put_by_before:
        remove_stale(both, ledger, [])
        assert len(parked(both.results)) == 3

    remove_stale(
        StudyLayout(tmp_path, ("film.mp4",), ("anna.mp4",)), ledger, [StepOutcome("annotate", "anna.mp4", "kept")]
    )

    everything = [p for p in both.results.rglob("*") if p.is_file()]
    assert not any("ben" in p.read_text() for p in everything if p.suffix != ".json")
    assert not any(sha256(p) == sha256_of("what all of them voted") for p in everything)
    assert not StepRecords(both.results).recall("annotate", "ben.mp4", "right")
    assert not StepRecords(both.results).recall("label", "", "right")


def sha256_of(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()
