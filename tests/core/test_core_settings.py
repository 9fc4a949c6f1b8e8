"""A setting is defined once: default, type, range and help come from the dataclass."""

import json
import pickle
from dataclasses import fields, replace
from typing import Literal

import click
import pydantic
import pytest
from click.testing import CliRunner

from evoked.cli.options import config_from_options, config_options
from evoked.core.settings import Setting, Share, describe, from_mapping, setting, settings


@settings
class Brew:
    cups: int = setting(2, "how many cups", ge=1, le=9)
    heat_c: float = setting(96.0, "degrees")
    decaf: bool = setting(False, "without caffeine")
    beans: tuple[str, ...] = setting(("arabica",), "kinds")
    roast: Literal["light", "dark"] = setting("light", "of the beans")
    minutes: float | None = setting(None, "by default as long as the cups need", gt=0)
    shares: dict[str, Share] = setting({}, "of each bean")

    def __post_init__(self) -> None:
        if self.decaf and self.roast == "dark":
            raise ValueError("decaf beans come light, got roast dark")


@click.command()
@config_options(Brew)
def brew(**values: object) -> None:
    click.echo(repr(config_from_options(Brew, values)))


def test_fields_describe_themselves() -> None:
    described = describe(Brew)
    assert [s.name for s in described] == [f.name for f in fields(Brew)]  # type: ignore[arg-type]
    assert described[0] == Setting("cups", int, (), False, 2, "how many cups")
    assert described[4] == Setting("roast", str, ("light", "dark"), False, "light", "of the beans")
    assert described[5] == Setting("minutes", float, (), True, None, "by default as long as the cups need")
    assert [s.type for s in described] == [int, float, bool, tuple, str, float, dict]


def test_values_are_taken_and_whole_numbers_are_floats_too() -> None:
    values = {"heat_c": 90, "beans": ["a", "b"], "minutes": 3, "shares": {"a": 1, "b": 0.5}}
    brewed = from_mapping(Brew, values, "x")
    assert brewed == Brew(heat_c=90.0, beans=("a", "b"), minutes=3.0, shares={"a": 1.0, "b": 0.5})
    assert type(brewed.heat_c) is float
    assert type(brewed.shares["a"]) is float


def test_it_is_frozen_compared_by_value_and_goes_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(Brew(cups=3))) == Brew(cups=3) == replace(Brew(), cups=3) != Brew()
    with pytest.raises(AttributeError):
        Brew().cups = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cup": 1}, "x: no setting 'cup'; there are: cups, heat_c, decaf, beans, roast, minutes, shares"),
        ({"cups": True}, "x: cups must be a whole number, got True"),
        ({"cups": 2.0}, "x: cups must be a whole number, got 2.0"),
        ({"cups": "1"}, "x: cups must be a whole number, got '1'"),
        ({"cups": 0}, "x: cups must be at least 1, got 0"),
        ({"cups": 10}, "x: cups must be at most 9, got 10"),
        ({"heat_c": float("nan")}, "x: heat_c must be a finite number, got nan"),
        ({"heat_c": "hot"}, "x: heat_c must be a number, got 'hot'"),
        ({"decaf": 1}, "x: decaf must be true or false, got 1"),
        ({"beans": [1]}, "x: beans.0 must be text, got 1"),
        ({"beans": "a"}, "x: beans must be a list, got 'a'"),
        ({"roast": "burnt"}, "x: roast must be one of light, dark, got 'burnt'"),
        ({"minutes": 0}, "x: minutes must be above 0"),
        ({"shares": {"a": 1.5}}, "x: shares.a must be at most 1"),
        ({"shares": 3}, "x: shares must be a table of names and numbers, got 3"),
        ({"decaf": True, "roast": "dark"}, "x: decaf beans come light, got roast dark"),
    ],
)
def test_mistakes_are_named_in_one_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        from_mapping(Brew, values, "x")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_replace_checks_too() -> None:
    with pytest.raises(ValueError, match="cups must be at least 1, got 0"):
        replace(Brew(), cups=0)


def test_the_ranges_are_in_the_json_schema() -> None:
    schema = pydantic.TypeAdapter(Brew).json_schema()
    assert schema["properties"]["cups"] | {"title": ""} == {
        "default": 2,
        "description": "how many cups",
        "maximum": 9,
        "minimum": 1,
        "title": "",
        "type": "integer",
    }
    assert json.loads(json.dumps(schema["properties"]["roast"]["enum"])) == ["light", "dark"]


def test_the_command_line_is_made_from_it() -> None:
    words = ["--cups", "3", "--decaf", "--beans", "a,b", "--beans", "c", "--shares", "a=0.25,b=1", "--minutes", "4"]
    shown = CliRunner().invoke(brew, words)
    brewed = Brew(cups=3, decaf=True, beans=("a", "b", "c"), shares={"a": 0.25, "b": 1.0}, minutes=4.0)
    assert shown.output.strip() == repr(brewed)
    assert CliRunner().invoke(brew, []).output.strip() == repr(Brew())
    page = " ".join(CliRunner().invoke(brew, ["--help"]).output.split())
    assert "--cups INTEGER how many cups [default: 2]" in page
    assert "--roast [light|dark] of the beans [default: light]" in page
    assert "--minutes FLOAT by default as long as the cups need --" in page  # no default is shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cups", "0"], "cups must be at least 1"),
        (["--roast", "burnt"], "'burnt' is not one of 'light', 'dark'"),
        (["--shares", "a"], "must be like amusement=0.4, got 'a'"),
        (["--shares", "=1"], "'=1' names nothing"),
        (["--shares", "a=1,a=0"], "names 'a' twice"),
        (["--shares", "a=nan"], "shares.a must be a finite number"),
    ],
)
def test_a_refused_value_is_wrong_use(words: list[str], message: str) -> None:
    shown = CliRunner().invoke(brew, words)
    assert shown.exit_code == 2
    assert message in shown.output
