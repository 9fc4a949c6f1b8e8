"""A run removes the results that it neither computed nor kept, and nothing else."""

from pathlib import Path

from evoked.core.step_outcome import StepOutcome
from evoked.core.study_layout import StudyLayout
from evoked.study.build_records import StepRecords
from evoked.study.plan import PlannedItem, Planner
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

    remove_stale(folder, records, [StepOutcome("annotate", "r.mp4", "failed", "interrupted")], {})

    assert not partial.exists()
    assert records.recall("label", "", records.key(code=1))  # archived labels were not deleted
    assert folder.labels.read_bytes() == b"labels"


def test_a_plan_lists_the_files_that_the_run_removes(tmp_path: Path) -> None:
    folder = StudyLayout(tmp_path, ("c.mp4",), ("r.mp4",))
    files = {
        **{("annotate", name): folder.annotation(name) for name in ("r.mp4", "gone.mp4")},
        ("features", "c.mp4"): folder.features("c.mp4"),
        ("hold out", "c.mp4"): folder.prediction("c.mp4"),
        ("label", ""): folder.labels,
        ("evaluate", ""): folder.scores,
    }
    for item, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"result")
        StepRecords(folder.results).write(*item, "key", [path])
    planner = Planner(StepRecords(folder.results, read_only=True))
    planner.planned += [
        PlannedItem("annotate", "r.mp4", "kept"),
        PlannedItem("label", "", "to do"),
        PlannedItem("features", "c.mp4", "failed", "no network file"),
    ]

    planner.remove_stale(folder)

    listed = {(i.step, i.name): i.why for i in planner.planned if i.state == "to remove"}
    assert set(listed) == set(files) - {("annotate", "r.mp4"), ("label", "")}
    assert listed["annotate", "gone.mp4"] == "results/annotations/gone.mp4.parquet: its video is gone"
    assert all(path.exists() for path in files.values())

    outcomes = [StepOutcome("annotate", "r.mp4", "kept"), StepOutcome("label", "", "done")]
    remove_stale(folder, StepRecords(folder.results), outcomes, {})
    assert {item for item, path in files.items() if not path.exists()} == set(listed)
