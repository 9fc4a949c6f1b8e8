"""A setting stands once: default, kind and help come from the dataclass."""

from dataclasses import dataclass

import click
import pytest
from click.testing import CliRunner

from evoked.cli.options import config_from_options, config_options
from evoked.core.settings import describe, from_mapping, setting


@dataclass(frozen=True)
class Brew:
    cups: int = setting(2, "how many cups")
    heat_c: float = setting(96.0, "degrees")
    decaf: bool = setting(False, "without caffeine")
    beans: tuple[str, ...] = setting(("arabica",), "kinds")

    def __post_init__(self) -> None:
        if self.cups < 1:
            raise ValueError(f"cups must be at least 1, got {self.cups}")


@click.command()
@config_options(Brew)
def brew(**values: object) -> None:
    click.echo(repr(config_from_options(Brew, values)))


def test_fields_describe_themselves() -> None:
    assert [(d.name, d.kind, d.default) for d in describe(Brew)][:3] == [
        ("cups", int, 2),
        ("heat_c", float, 96.0),
        ("decaf", bool, False),
    ]


def test_values_are_taken_and_whole_numbers_are_floats_too() -> None:
    assert from_mapping(Brew, {"heat_c": 90, "beans": ["a", "b"]}, "x") == Brew(heat_c=90.0, beans=("a", "b"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cup": 1}, "x: no setting 'cup'; there are: cups, heat_c, decaf, beans"),
        ({"cups": True}, "x: cups must be int, got True"),
        ({"cups": "1"}, "x: cups must be int"),
        ({"beans": [1]}, "x: beans must be a list of strings"),
        ({"cups": 0}, "cups must be at least 1"),
    ],
)
def test_mistakes_are_named(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_mapping(Brew, values, "x")


def test_the_command_line_is_made_from_it() -> None:
    shown = CliRunner().invoke(brew, ["--cups", "3", "--decaf", "--beans", "a", "--beans", "b"])
    assert shown.output.strip() == repr(Brew(3, 96.0, True, ("a", "b")))
    assert "how many cups  [default: 2]" in " ".join(CliRunner().invoke(brew, ["--help"]).output.split()).replace(
        "  ", " "
    ).replace("cups [", "cups  [")


def test_a_refused_value_is_wrong_use() -> None:
    shown = CliRunner().invoke(brew, ["--cups", "0"])
    assert shown.exit_code == 2
    assert "cups must be at least 1" in shown.output
