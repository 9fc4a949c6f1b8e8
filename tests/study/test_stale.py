"""What a run takes away: results that it neither made nor kept, and nothing else."""

from pathlib import Path

from evoked.core.study_layout import StudyLayout
from evoked.study.build_records import StepOutcome, StepRecords
from evoked.study.run import remove_stale


def test_a_file_that_a_killed_process_was_writing_is_no_reaction_that_is_gone(tmp_path: Path) -> None:
    folder = StudyLayout(tmp_path, ("c.mp4",), ("r.mp4",))
    records = StepRecords(folder.results)
    folder.annotation("r.mp4").parent.mkdir(parents=True)
    folder.labels.write_bytes(b"labels")
    records.write("label", "", records.key(code=1), (folder.labels,))
    records.archive("label", "")
    folder.labels.unlink()
    left = folder.annotation("r.mp4").with_name(".r.mp4.123.part.parquet")
    left.write_bytes(b"half")

    remove_stale(folder, records, [StepOutcome("annotate", "r.mp4", "failed", "interrupted")])

    assert not left.exists()
    assert records.recall("label", "", records.key(code=1))  # archived labels were not deleted
    assert folder.labels.read_bytes() == b"labels"
