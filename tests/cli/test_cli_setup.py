"""evoked init, config and doctor; suggestions for mistyped commands; an example in every help."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evoked.cli.command_list import COMMANDS, GROUPS
from evoked.cli.doctor import PACKAGES
from evoked.cli.main import evoked as group
from evoked.core.settings import describe
from evoked.study.layout import StudyHeader
from evoked.study.settings import SECTIONS, read_settings, read_settings_file
from evoked.study.settings_toml import defaults_toml, toml_value


def uncommented(text: str) -> str:
    """Every key of the commented defaults, set to its default."""
    return re.sub(r"^# (\w+ = (?! ).*)$", r"\1", text, flags=re.MULTILINE)


def test_the_commented_defaults_change_nothing(tmp_path: Path) -> None:
    for name, text in (("as it is", defaults_toml()), ("uncommented", uncommented(defaults_toml()))):
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        assert read_settings_file(path) == read_settings(tmp_path / "no such study"), name


def test_the_commented_defaults_name_every_setting() -> None:
    parsed = tomllib.loads(uncommented(defaults_toml()))
    for section, config in {"": StudyHeader, **SECTIONS}.items():
        values = parsed if not section else parsed[section]
        optional = {setting.name for setting in describe(config) if setting.default is None}
        names = {setting.name for setting in describe(config)}
        assert names - optional == {name for name, value in values.items() if not (not section and name in SECTIONS)}
        for name in optional:
            assert f"# {name} =   (without a value" in defaults_toml()


@given(
    st.one_of(
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(blacklist_categories=["Cs"])),
        st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=5), max_size=3),
        st.dictionaries(st.text("abc é\"'\\\n", max_size=5), st.floats(0, 1), max_size=3),
    )
)
def test_a_value_in_toml_is_read_back(value: object) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


def test_init_makes_what_is_missing_and_leaves_the_rest(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = tmp_path / "my study"
    result = evoked("init", study)
    assert (result.code, len(result.out.splitlines())) == (0, 6)
    assert sorted(path.name for path in study.iterdir()) == [
        "README.txt",
        "contents",
        "pairs.example.csv",
        "participants.example.csv",
        "reactions",
        "study.toml",
    ]
    assert read_settings(study) == read_settings(tmp_path)
    (study / "study.toml").write_text("[votes]\nquorum = 5\n")
    (study / "README.txt").unlink()
    result = evoked("init", study)
    assert (result.code, result.out) == (0, f"{study / 'README.txt'}\n")
    assert (study / "study.toml").read_text() == "[votes]\nquorum = 5\n"
    result = evoked("run", study)
    assert (result.code, len(result.lines)) == (1, 1)
    assert "contents holds no video" in result.err
    (tmp_path / "file").write_text("")
    assert evoked("init", tmp_path / "file").lines == [
        f"evoked: {tmp_path / 'file'} is a file, not a folder. Choose another place"
    ]


def test_config_shows_a_study(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "study.toml").write_text('name = "Pilot"\n[votes]\nquorum = 5\nthresholds = {surprise = 0.25}\n')
    shown = evoked("config", tmp_path, "--show").out
    assert 'name = "Pilot"  # default: ""' in shown
    assert "quorum = 5  # default: " in shown
    copy = tmp_path / "copy.toml"
    copy.write_text(shown)
    assert read_settings_file(copy) == read_settings(tmp_path)
    changed = tomllib.loads(evoked("config", tmp_path, "--show", "--changed").out)
    assert changed == {"name": "Pilot", "votes": {"quorum": 5, "thresholds": {"surprise": 0.25}}}
    assert json.loads(evoked("config", tmp_path, "--show", "--changed", "--json").out) == changed
    assert json.loads(evoked("config", tmp_path / "copy.toml", "--changed", "--json").out) == changed
    values = json.loads(evoked("config", tmp_path, "--json").out)
    assert values["votes"]["quorum"] == 5
    described = json.loads(evoked("config", "--defaults", "--json").out)
    assert set(described) == {"", *SECTIONS}
    assert evoked("config", "--defaults").out == defaults_toml()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--show",), 2, "--show needs a STUDY"),
        (("--defaults", "--show"), 2, "--defaults goes without"),
        (("nowhere", "--show"), 1, "no study folder or settings file at nowhere"),
    ],
)
def test_config_with_a_mistake(evoked, arguments: tuple[str, ...], code: int, message: str) -> None:  # type: ignore[no-untyped-def]
    result = evoked("config", *arguments)
    assert result.code == code
    assert message in result.err


def test_doctor_says_what_is_there(evoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EVOKED_OFFLINE", "1")
    result = evoked("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(result.out)}
    assert result.code == 0
    assert {findings[package]["state"] for package in PACKAGES} == {"ok"}
    assert (Path(findings["documentation"]["value"]) / "docs" / "alignment.md").is_file()
    assert findings["networks"]["state"] == "missing"
    assert "0 of 6 default networks" in findings["networks"]["value"]
    assert findings["networks"]["advice"] == "evoked weights fetch"
    assert "not allowed" in findings["downloads"]["value"]
    assert not (tmp_path / "cache").exists()  # nothing is made
    assert str(tmp_path / "cache") in evoked("doctor").out


def test_doctor_finds_an_altered_network(evoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from evoked.weights.cache import Cache
    from evoked.weights.catalogue import find_net

    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path))
    place = Cache(tmp_path).place(find_net("yunet"))
    place.parent.mkdir(parents=True)
    place.write_bytes(b"not it")
    result = evoked("doctor", "--json")
    assert result.code == 1
    assert "altered: yunet" in next(f["value"] for f in json.loads(result.out) if f["name"] == "networks")


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [("anotate", "annotate"), ("feature", "features"), ("wieghts", "weights"), ("help", "--help"), ("rnu", "run")],
)
def test_a_mistyped_command(evoked, typed: str, suggested: str) -> None:  # type: ignore[no-untyped-def]
    result = evoked(typed)
    assert result.code == 2
    assert f"no command {typed!r}. Did you mean: evoked {suggested}" in result.err


def test_an_unknown_command_without_a_similar_one(evoked) -> None:  # type: ignore[no-untyped-def]
    result = evoked("qqqqq")
    assert (result.code, "Did you mean" in result.err) == (2, False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples_with_options_that_exist(name: str) -> None:
    for example in COMMANDS[name].examples:
        program, command_name, *words = shlex.split(example)
        assert (program, command_name) == ("evoked", name)
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
            assert command is not None
        command.make_parser(click.Context(command)).parse_args(list(words))  # raises for an unknown option


def test_help_lists_every_command_in_one_group(evoked) -> None:  # type: ignore[no-untyped-def]
    shown = evoked("--help").out
    assert [heading for heading in GROUPS if f"\n{heading}:\n" in shown] == list(GROUPS)
    assert sum(len(commands) for commands in GROUPS.values()) == len(COMMANDS)
    assert "Example:\n  evoked align reaction.mp4 trailer.mp4" in evoked("align", "--help").out.replace("    ", "  ")
