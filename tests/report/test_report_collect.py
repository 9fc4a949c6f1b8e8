"""A study's results become facts; what is missing or damaged becomes a sentence, never a failure."""

import json
import shutil
from pathlib import Path

import pytest
from report_study import EEV5, SECONDS, STAGED, write_predictions

from evoked.core.errors import DatasetError, StudyError
from evoked.core.provenance import Provenance
from evoked.core.step_outcome import StepOutcome
from evoked.core.tables import read_table, write_table
from evoked.report.config import ReportConfig
from evoked.report.load_results import load_prediction, load_study, named_files
from evoked.report.page import write_report


def test_all_that_the_writers_wrote_is_found(study: Path) -> None:
    facts = load_study(study)

    assert facts.name == "small study"
    assert facts.notes == (STAGED,)
    assert facts.expressions == EEV5
    assert [c.name for c in facts.contents] == ["first.mp4", "second.mp4"]
    assert all(c.seconds == SECONDS and c.labels and c.prediction for c in facts.contents)
    (reaction,) = facts.reactions
    assert (reaction.name, reaction.content, reaction.length_s) == ("watching.mp4", "first.mp4", 47.0)
    assert [v.spans for v in reaction.viewers] == [((0.0, 8.0), (12.0, 47.0))] * 2
    assert reaction.alignment is not None
    assert [s.reaction_end_s for s in reaction.alignment.segments] == [28.2, 43.2]
    assert facts.scores is not None
    assert facts.scores.map.value == 0.5
    assert facts.scores.rows[-1].ap is None
    assert StepOutcome("annotate", "broken.mp4", "failed", "no media <in> it") in facts.items
    assert facts.statistics is not None
    assert facts.statistics.valid_seconds == 72
    assert facts.missing == {}


def test_what_made_it_is_gathered_from_every_file(study: Path) -> None:
    made = load_study(study).provenance

    assert set(made.config) == {"annotate", "votes", "predict", "evaluate", "align"}  # features had no settings
    assert [(n.name, n.sha256[:4]) for n in made.networks] == [("yamnet", "efef"), ("yunet", "cdcd")]
    assert all(n.licence for n in made.networks)
    assert made.inputs == {"a.mp4": "ab" * 32}
    assert "numpy" in made.versions


def test_only_staging_stands_on_top_and_other_notes_with_what_made_it(study: Path) -> None:
    path = study / "results/alignments/watching.mp4.json"
    body = json.loads(path.read_text())
    body["provenance"]["notes"] = ["quiet in places"]
    path.write_text(json.dumps(body))

    facts = load_study(study)

    assert facts.notes == (STAGED,)
    assert facts.provenance.notes == (STAGED, "quiet in places")


def test_roles_and_nets_that_differ_from_file_to_file_are_all_listed(study: Path) -> None:
    alignments = study / "results/alignments"
    body = json.loads((alignments / "watching.mp4.json").read_text())
    for name, key in (("one", "11"), ("two", "22")):
        body["provenance"] |= {"inputs": {"reaction": key * 32}, "nets": {"yunet": key * 32}}
        body["provenance"]["versions"]["av"] = name
        (alignments / f"{name}.json").write_text(json.dumps(body))

    made = load_study(study).provenance

    assert made.inputs == {
        "a.mp4": "ab" * 32,
        "reaction of one.json": "11" * 32,
        "reaction of two.json": "22" * 32,
    }
    assert [n.sha256[:2] for n in made.networks if n.name == "yunet"] == ["11", "22", "cd"]
    assert {"one", "two"} <= set(made.versions["av"].split(", "))


def test_settings_that_differ_stand_side_by_side(study: Path) -> None:
    body = json.loads((study / "results/alignments/watching.mp4.json").read_text())
    body["provenance"]["config"] = {"window_s": 9}
    (study / "results/alignments/other.mp4.json").write_text(json.dumps(body))

    assert {"align (1)", "align (2)"} <= set(load_study(study).provenance.config)


@pytest.mark.parametrize(
    ("part", "gone", "says"),
    [
        ("labels", "labels.parquet", "There are no labels"),
        ("timeline", "predictions", "There are no predictions"),
        ("scores", "scores.json", "There are no scores"),
        ("reactions", "alignments", "No reaction was aligned"),
        ("reactions", "annotations", "No faces were annotated"),
        ("reactions", "pairs.csv", "There is no list of who watched what"),
        ("items", "state", "There is no processing log"),
    ],
)
def test_what_is_missing_is_said_where_it_is_missed(study: Path, part: str, gone: str, says: str) -> None:
    path = study / "results" / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    assert [sentence for sentence in load_study(study).missing[part] if says in sentence]


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ("labels", "labels.parquet"),
        ("timeline", "predictions/first.mp4.parquet"),
        ("scores", "scores.json"),
        ("reactions", "alignments/watching.mp4.json"),
        ("reactions", "annotations/watching.mp4.parquet"),
        ("items", "state/items.json"),
    ],
)
@pytest.mark.parametrize("damage", [b"", b"{]", b'{"rows": 3}', b"PAR1 but cut off"])
def test_a_damaged_file_is_named_and_the_rest_is_told(study: Path, part: str, path: str, damage: bytes) -> None:
    (study / "results" / path).write_bytes(damage)

    facts = load_study(study)

    assert any(Path(path).name in sentence for sentence in facts.missing[part])
    assert len(facts.contents) == 2
    assert not any("\n" in s for sentences in facts.missing.values() for s in sentences)


def test_scores_without_intervals_or_folds_are_read(study: Path) -> None:
    path = study / "results/scores.json"
    body = json.loads(path.read_text())
    del body["folds"], body["map"]["low"], body["map"]["high"]
    body["rows"][0]["ap"] = float("nan")  # as other programs write undefined
    path.write_text(json.dumps(body))

    scores = load_study(study).scores

    assert scores is not None
    assert scores.folds == ()
    assert scores.map.low is None
    assert scores.rows[0].ap is None


@pytest.mark.parametrize(("key", "value"), [("videos", 2), ("folds", 3), ("folds", [{"held_out": ["a"]}])])
def test_scores_of_another_format_are_named_and_the_rest_is_shown(study: Path, key: str, value: object) -> None:
    path = study / "results/scores.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))

    facts = load_study(study)

    assert facts.scores is None
    assert facts.missing["scores"][0].startswith("scores.json holds no scores (TypeError: ")
    assert len(facts.contents) == 2


def test_results_named_by_stem_find_their_file(study: Path) -> None:
    (study / "contents").mkdir()
    for name in ("third.mov", "fourth.mp4", "fourth.mov"):
        (study / "contents" / name).write_bytes(b"film")
    write_predictions(study / "results", "third")
    write_predictions(study / "results", "fourth")

    found = {c.name: c for c in load_study(study).contents}

    assert found["third.mov"].prediction is not None
    assert "third" not in found
    assert found["fourth"].file is None  # two files have this stem: not guessed


def test_named() -> None:
    files = {"a.mp4": Path("x/a.mp4"), "a": Path("x/a")}
    assert named_files("a", files) == "a"
    assert named_files("b", files) == "b"


def test_the_name_and_note_of_study_toml(study: Path) -> None:
    (study / "study.toml").write_text('name = "Bunny"\nnote = "Ten minutes."\n')
    facts = load_study(study)
    assert (facts.name, facts.notes) == ("Bunny", (STAGED, "Ten minutes."))  # staging first

    (study / "study.toml").write_text("name = ")
    facts = load_study(study)
    assert facts.name == "small study"
    assert "study.toml" in facts.missing["made"][0]


def test_a_truth_file_alone_makes_a_study_staged(study: Path) -> None:
    for path in (study / "results").rglob("*"):
        if path.is_file() and path.name != "pairs.csv":
            path.unlink()
    assert load_study(study).notes == ()
    (study / "truth.json").write_text("{}")
    assert load_study(study).notes == (STAGED,)
    (study / "truth.json").unlink()
    (study / "study.toml").write_text("staged = true\n")
    assert load_study(study).notes == (STAGED,)


def test_no_study_and_no_results_are_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study folder at"):
        load_study(tmp_path / "nowhere")
    with pytest.raises(StudyError, match="has no results yet: run"):
        load_study(tmp_path)


def test_one_predicted_video(tmp_path: Path) -> None:
    write_predictions(tmp_path, "film.mp4")
    table = tmp_path / "predictions/film.mp4.parquet"

    facts = load_prediction(table, None)

    assert (facts.kind, facts.expressions, facts.contents[0].labels) == ("prediction", EEV5, None)
    with pytest.raises(StudyError, match="no video at"):
        load_prediction(table, tmp_path / "no.mp4")
    with pytest.raises(DatasetError, match="no table at"):
        load_prediction(tmp_path / "no.parquet", None)


def test_damage_of_the_files_is_on_the_page(study: Path) -> None:
    path = next((study / "results/alignments").glob("*.json"))
    body = json.loads(path.read_text())
    damage = {"file": "r.ts", "kind": "gap", "text": "gap: nothing of its sound", "from_s": 4.0, "to_s": 9.25}
    body["provenance"]["damage"] = [damage, damage, {**damage, "from_s": None, "to_s": None}]
    path.write_text(json.dumps(body))

    spans = load_study(study).provenance.damage

    assert [(s.file, s.from_s, s.to_s) for s in spans] == [("r.ts", "4.0", "9.2"), ("r.ts", "", "")]
    page = write_report(study, ReportConfig(video="none")).read_text()
    assert "Damage of the files" in page
    assert page.count("gap: nothing of its sound") == 2


def test_an_expression_that_cannot_be_told_is_marked_where_its_share_is_shown(study: Path) -> None:
    before = write_report(study, ReportConfig(video="none")).read_text()
    assert "unreliable" not in before
    path = study / "results" / "labels.parquet"
    provenance = Provenance("label", {"unreliable": {"concentration": "many who concentrate show nothing"}})
    write_table(path, read_table(path), provenance)

    assert load_study(study).provenance.unreliable == {"concentration": "many who concentrate show nothing"}
    page = write_report(study, ReportConfig(video="none")).read_text()
    assert "Labels of concentration are not reliable: many who concentrate show nothing." in page
    assert page.count("(unreliable)") == 1
