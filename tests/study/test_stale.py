"""A run removes the results that it neither computed nor kept, and nothing else."""

from pathlib import Path

from evoked.core.study_layout import StudyLayout
from evoked.study.build_records import StepOutcome, StepRecords
from evoked.study.run import remove_stale


def test_a_half_written_file_does_not_count_as_a_reaction_that_is_gone(tmp_path: Path) -> None:
    folder = StudyLayout(tmp_path, ("c.mp4",), ("r.mp4",))
    records = StepRecords(folder.results)
    folder.annotation("r.mp4").parent.mkdir(parents=True)
    folder.labels.write_bytes(b"labels")
    records.write("label", "", records.key(code=1), (folder.labels,))
    records.archive("label", "")
    folder.labels.unlink()
    partial = folder.annotation("r.mp4").with_name(".r.mp4.123.part.parquet")
    partial.write_bytes(b"half")

    remove_stale(folder, records, [StepOutcome("annotate", "r.mp4", "failed", "interrupted")])

    assert not partial.exists()
    assert records.recall("label", "", records.key(code=1))  # archived labels were not deleted
    assert folder.labels.read_bytes() == b"labels"
