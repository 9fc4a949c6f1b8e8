"""--preset paper: every setting of the paper, beneath what is given."""

import json
from pathlib import Path

import click
import pytest

from evoked.cli.features import features
from evoked.cli.recogniser import recogniser
from evoked.cli.train import train
from evoked.core.errors import StudyError
from evoked.core.settings import describe
from evoked.learning.recognition.config import RecogniserConfig
from evoked.study.presets import PAPER, preset_values
from evoked.study.settings import SECTIONS, read_settings

CLASSES = {**SECTIONS, "recogniser": RecogniserConfig}


def test_every_setting_of_the_preset_exists_and_is_accepted() -> None:
    for section in {s.section for s in PAPER}:
        values = preset_values(section, "paper")
        config = CLASSES[section](**values)
        assert {name: getattr(config, name) for name in values} == values
    assert preset_values("model", "none") == {}
    with pytest.raises(ValueError, match="preset must be one of none, paper, got 'own'"):
        preset_values("model", "own")


def test_a_reason_stands_where_the_default_differs_and_nowhere_else() -> None:
    defaults = {(name, s.name): s.default for name, config in CLASSES.items() for s in describe(config)}
    differs = {(s.section, s.name) for s in PAPER if defaults[s.section, s.name] != s.value}
    assert differs == {(s.section, s.name) for s in PAPER if s.reason}
    assert len({(s.section, s.name) for s in PAPER}) == len(PAPER)


def test_a_study_keeps_what_it_says_itself(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('preset = "paper"\n[model]\nimage_units = 7\n[votes]\nquorum = 5\n')
    settings = read_settings(tmp_path)
    assert (settings.model.image_units, settings.model.face_units, settings.votes.quorum) == (7, 256, 5)
    assert (settings.features.features, settings.features.face_net) == ("paper", "nn2")
    assert settings.train.missing_labels == "zeros"
    (tmp_path / "study.toml").write_text("[model]\nimage_units = 7\n")
    assert read_settings(tmp_path).model.face_units is None
    assert read_settings(tmp_path, "paper").model.face_units == 256
    (tmp_path / "study.toml").write_text('preset = "papers"\n')
    with pytest.raises(StudyError, match="preset"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("command", "words", "section"),
    [
        (features, ["film.mp4", "-o", "f.safetensors"], "features"),
        (train, ["--features", "f", "--labels", "l.csv", "-o", "m"], "train"),
        (recogniser.commands["train"], ["r.csv", "-o", "out"], "recogniser"),
    ],
)
def test_options_take_the_papers_defaults_and_stay_open_to_others(
    command: click.Command, words: list[str], section: str
) -> None:
    values = preset_values(section, "paper")
    paper = command.make_context("x", [*words, "--preset", "paper"]).params
    assert {name: paper[name] for name in values} == values
    plain = command.make_context("x", list(words)).params
    defaults = {s.name: s.default for s in describe(CLASSES[section])}
    assert {name: plain[name] for name in values} == {name: defaults[name] for name in values}
    name = {"features": "--face-net", "train": "--missing-labels", "recogniser": "--hidden-units"}[section]
    value = {"features": "inception-resnet-v1", "train": "masked", "recogniser": "9"}[section]
    given = command.make_context("x", [*words, name, value, "--preset", "paper"]).params
    assert str(given[name.lstrip("-").replace("-", "_")]) == value


def test_train_of_a_study_refuses_it(tmp_path: Path) -> None:
    context = train.make_context("x", [str(tmp_path), "--preset", "paper"])
    with pytest.raises(click.UsageError, match=r"in its study.toml; leave out preset"):
        train.invoke(context)


def test_config_shows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from evoked.cli.config import config

    (tmp_path / "study.toml").write_text('preset = "paper"\n')
    config.main([str(tmp_path), "--changed", "--json"], standalone_mode=False)
    shown = json.loads(capsys.readouterr().out)
    assert shown["preset"] == "paper"
    assert shown["features"] == {"features": "paper", "face_net": "nn2"}
    assert shown["train"] == {"learning_rate": 5e-4, "missing_labels": "zeros"}
