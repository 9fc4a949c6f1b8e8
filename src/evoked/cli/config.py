"""evoked config: every setting of a study, its default, and the values of a study."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from evoked.cli.paths import InputPath
from evoked.core.errors import StudyError
from evoked.core.settings import describe
from evoked.study.layout import StudyHeader, config_values
from evoked.study.settings import SECTIONS, Settings, read_settings, read_settings_file
from evoked.study.settings_toml import defaults_toml, settings_toml

__all__ = ["config"]


@click.command()
@click.argument("study", required=False, type=InputPath())
@click.option("--defaults", is_flag=True, help="print every setting with its help and default, as a study.toml")
@click.option("--show", is_flag=True, help="print the settings of STUDY; those that differ from the default are marked")
@click.option("--changed", is_flag=True, help="of STUDY: only those that differ from the default")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def config(study: Path | None, defaults: bool, show: bool, changed: bool, as_json: bool) -> None:
    """Show the settings of a STUDY (a folder, or a file like study.toml), or all defaults.

    Command-line options of annotate, align, features, train, evaluate and report have the same names, with hyphens.
    \f

    Args:
        study, defaults, show, changed, as_json: the arguments and options.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if the settings contain a mistake.
    """
    if defaults and (show or changed or study is not None):
        raise click.UsageError("--defaults goes without STUDY, --show and --changed")
    if study is None and (show or changed):
        raise click.UsageError("--show needs a STUDY: a folder, or a file like study.toml")
    if study is None:
        click.echo(json.dumps(_described(), indent=1, ensure_ascii=False) if as_json else defaults_toml(), nl=as_json)
        return
    if not study.exists():
        raise StudyError(f"no study folder or settings file at {study}")
    settings = read_settings(study) if study.is_dir() else read_settings_file(study)
    if as_json:
        click.echo(json.dumps(_values(settings, changed), indent=1, ensure_ascii=False))
        return
    click.echo(settings_toml(settings, changed_only=changed), nl=False)


def _values(settings: Settings, changed_only: bool) -> dict[str, object]:
    """The settings of a study as plain values, the header's first; without defaults where only changes are wanted."""
    values: dict[str, dict[str, object]] = {}
    for name, config in {"": StudyHeader, **SECTIONS}.items():
        chosen = settings.about if not name else getattr(settings, name)
        default = {setting.name: setting.default for setting in describe(config)}
        values[name] = {
            key: value
            for key, value in config_values(chosen).items()
            if not changed_only or getattr(chosen, key) != default[key]
        }
    return values.pop("") | {name: section for name, section in values.items() if section or not changed_only}


def _described() -> dict[str, list[dict[str, object]]]:
    """Section → its settings; "" for the keys before the first section."""
    sections = {"": StudyHeader, **SECTIONS}
    return {
        name: [{**asdict(setting), "type": setting.type.__name__} for setting in describe(section)]
        for name, section in sections.items()
    }
