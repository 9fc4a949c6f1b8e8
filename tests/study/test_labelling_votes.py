"""The thresholds of a study's vote: from study.toml, or else from the recogniser of the annotations."""

import pickle
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import DatasetError, StudyError
from evoked.core.provenance import Provenance
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import read_labels
from evoked.dataset.participants import Participant, Participants
from evoked.dataset.viewers import by_participant, read_viewers
from evoked.parallel.pool import Done
from evoked.parallel.processes import ProcessPool
from evoked.reactions.alignment.offset_map import OffsetMap, Segment, write_offsets
from evoked.reactions.labelling.majority_vote import VoteConfig, Votes
from evoked.reactions.labelling.pipeline import ReactionViewers
from evoked.reactions.labelling.viewer_means import viewer_means
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
    outputs = folder.label_files[:3]
    task = LabelTask(contents, NAMES, VoteConfig(thresholds=dict.fromkeys(NAMES, 0.5)), *outputs, Provenance("label"))
    assert pickle.loads(pickle.dumps(task)) == task
    run_label_task(task)
    here = folder.labels.read_bytes()
    folder.labels.unlink()
    (outcome,) = ProcessPool(1).run(run_label_task, [task])
    assert isinstance(outcome, Done), outcome
    assert folder.labels.read_bytes() == here


def test_a_participant_in_two_recordings_is_one_viewer(tmp_path: Path) -> None:
    """P1 smiles in both of her recordings, P2 and P3 do not: three viewers, no majority; as four it would be a tie."""
    folder, grid = StudyLayout(tmp_path), TimeGrid(Fraction(1), 10)
    scores = {"a.mp4": 0.9, "b.mp4": 0.7, "c.mp4": 0.1, "d.mp4": 0.2}
    for name, score in scores.items():
        annotated(folder, name, (score, 0.0), {})
    people = {("a.mp4", ""): "P1", ("b.mp4", ""): "P1", ("c.mp4", ""): "P2"}
    participants = Participants(("group",), {key: Participant(name, {"group": "x"}) for key, name in people.items()})
    files = tuple(AnnotatedFiles(name, folder.annotation(name), folder.alignment(name)) for name in scores)
    outputs = folder.label_files[:3]
    task = LabelTask((LabelledContent("film.mp4", grid, files),), NAMES, VoteConfig(), *outputs, Provenance("label"))

    run_label_task(task)
    labels = read_labels(folder.labels)["film.mp4"]
    assert labels.viewers[5] == 4
    assert labels.share is not None
    assert labels.share.values[5, 0] == pytest.approx(2 / 4)

    assert run_label_task(replace(task, participants=participants)) == ""
    labels = read_labels(folder.labels)["film.mp4"]
    assert labels.viewers[5] == 3
    assert labels.share is not None
    assert labels.share.values[5, 0] == pytest.approx(1 / 3)
    series = read_viewers(folder.viewers)
    assert [(s.recording, s.participant, s.attributes["group"]) for s in series] == [
        ("a.mp4", "P1", "x"),
        ("b.mp4", "P1", "x"),
        ("c.mp4", "P2", "x"),
        ("d.mp4", "d.mp4/v1", ""),
    ]
    people_of, means = by_participant(series, NAMES)
    assert people_of == ("P1", "P2", "d.mp4/v1")
    np.testing.assert_allclose(means[:, 5, 0], [0.8, 0.1, 0.2], atol=1e-6)


def test_a_viewer_s_second_is_the_mean_of_the_window_that_votes() -> None:
    grid = TimeGrid(Fraction(6), 60)
    values = np.linspace(0, 1, 60, dtype=np.float32)[:, None]
    valid = np.ones(60, bool)
    valid[30:50] = False
    track = Track.masked(grid, ("joy",), values, valid)
    offsets = OffsetMap(12.0, (Segment(0.0, 10.0, 0.0, 12.0),))
    reactions = [ReactionViewers("a.mp4", {"v1": track}, offsets)]

    ((reaction, viewer, means),) = viewer_means(reactions, TimeGrid(Fraction(1), 10), VoteConfig())

    assert (reaction, viewer) == ("a.mp4", "v1")
    assert means.values[3, 0] == pytest.approx(values[9:27, 0].mean())  # 1.5 s to 4.5 s
    assert means.values[0, 0] == pytest.approx(values[:9, 0].mean())
    assert means.valid.tolist() == [True] * 5 + [True] + [False] * 3 + [True]  # 9 of 18 frames, then 6, 0, …
