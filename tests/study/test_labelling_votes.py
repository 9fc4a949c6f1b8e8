"""The thresholds of a study's vote: from study.toml, or else from the recogniser of the annotations."""

import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import DatasetError, StudyError
from evoked.core.provenance import Provenance
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import write_table
from evoked.core.time_grid import TimeGrid
from evoked.parallel.pool import Done
from evoked.parallel.processes import ProcessPool
from evoked.reactions.alignment.offset_map import OffsetMap, Segment, write_offsets
from evoked.reactions.labelling.majority_vote import VoteConfig, Votes
from evoked.study.jobs import AnnotatedFiles, LabelledContent, LabelTask, run_label_task, votes_of
from evoked.study.settings import read_settings

NAMES = ("amusement", "surprise")


def annotated(folder: StudyLayout, reaction: str, scores: tuple[float, float], config: dict[str, object]) -> None:
    """A viewer of ten seconds with constant scores, and the offset map of the reaction."""
    columns = {
        "viewer": ["v1"] * 60,
        "time_s": np.arange(60) / 6,
        "valid": np.ones(60, bool),
        **{n: np.full(60, s, np.float32) for n, s in zip(NAMES, scores, strict=True)},
    }
    write_table(folder.annotation(reaction), columns, Provenance("annotate", config))
    write_offsets(folder.alignment(reaction), OffsetMap(12.0, (Segment(0.0, 10.0, 0.0, 12.0),)), Provenance("align"))


def voted(folder: StudyLayout, config: VoteConfig, *reactions: str) -> Votes:
    files = [AnnotatedFiles(name, folder.annotation(name), folder.alignment(name)) for name in reactions]
    return votes_of(files, TimeGrid(Fraction(1), 10), NAMES, config)


def test_the_operating_point_of_the_recogniser_reaches_the_vote(tmp_path: Path) -> None:
    folder = StudyLayout(tmp_path)
    annotated(folder, "a.mp4", (0.4, 0.6), {"recogniser": "trained", "thresholds": {"amusement": 0.3, "surprise": 0.7}})
    assert voted(folder, VoteConfig(), "a.mp4").labels.values[5].tolist() == [1, 0]
    custom = VoteConfig(thresholds={"surprise": 0.5})
    assert voted(folder, custom, "a.mp4").labels.values[5].tolist() == [1, 1]
    annotated(folder, "b.mp4", (0.4, 0.6), {"recogniser": "prototype"})
    assert voted(folder, VoteConfig(), "b.mp4").labels.values[5].tolist() == [0, 1]
    with pytest.raises(DatasetError, match=r"b\.mp4\.parquet was made by another recogniser than the others"):
        voted(folder, VoteConfig(), "a.mp4", "b.mp4")


def test_thresholds_that_make_no_sense(tmp_path: Path) -> None:
    folder = StudyLayout(tmp_path)
    annotated(folder, "a.mp4", (0.4, 0.6), {"thresholds": {"amusement": 3}})
    with pytest.raises(DatasetError, match=r"a\.mp4\.parquet: a recogniser's thresholds must be"):
        voted(folder, VoteConfig(), "a.mp4")
    (tmp_path / "study.toml").write_text("[votes]\nthresholds = {joy = 0.4}\n")
    with pytest.raises(StudyError, match=r"study\.toml \[votes\]: no expression 'joy' to set a threshold for"):
        read_settings(tmp_path)
    (tmp_path / "study.toml").write_text("[votes]\nthresholds = {awe = 4}\n")
    with pytest.raises(StudyError, match=r"thresholds\.awe must be at most 1"):
        read_settings(tmp_path)


def test_the_labels_are_the_same_from_a_pickled_task_in_a_fresh_process(tmp_path: Path) -> None:
    folder, grid = StudyLayout(tmp_path), TimeGrid(Fraction(1), 10)
    annotated(folder, "a.mp4", (0.9, 0.1), {})
    files = (AnnotatedFiles("a.mp4", folder.annotation("a.mp4"), folder.alignment("a.mp4")),)
    contents = (LabelledContent("c.mp4", grid, files),)
    task = LabelTask(
        contents, NAMES, VoteConfig(thresholds=dict.fromkeys(NAMES, 0.5)), folder.labels, Provenance("label")
    )
    assert pickle.loads(pickle.dumps(task)) == task
    run_label_task(task)
    here = folder.labels.read_bytes()
    folder.labels.unlink()
    (outcome,) = ProcessPool(1).run(run_label_task, [task])
    assert isinstance(outcome, Done), outcome
    assert folder.labels.read_bytes() == here
