"""Types of path arguments: paths that can never be read or written are refused before any work."""

import os
from pathlib import Path
from typing import Any

import click

from evoked.core.errors import EvokedError, OutputError
from evoked.core.names import is_utf8, printable, special_file

__all__ = ["DRY_RUN", "InputPath", "OutputPath"]

DRY_RUN = "evoked.dry_run"
"""Key of a click context: nothing is made."""


class InputPath(click.Path):
    """A file or folder that is read: no pipe, socket or device, and of a name that results can hold.

    Several videos in one command are no InputPath: each is looked at when its turn comes, and the others go on.

    Args:
        settings: as click.Path takes them.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(path_type=Path, **settings)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Check the path of an argument.

        Args:
            value: what was typed, or a default.
            param, ctx: as click gives them.

        Returns:
            The path.

        Raises:
            EvokedError: if it is a pipe, socket or device, or its name is not UTF-8.
            click.BadParameter: if it does not meet the settings.
        """
        path = Path(value)
        _check_name(path)
        if file_type := special_file(path):
            raise EvokedError(f"{path} is {file_type}, not a file: save what comes out of it as a file and name that")
        return Path(str(super().convert(path, param, ctx)))


class OutputPath(click.Path):
    """A file or folder that is written; one that ends in a slash is a folder, and is made."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Check the path of an output; make the folder that it names with a slash at its end.

        Args:
            value: what was typed, or a default.
            param, ctx: as click gives them.

        Returns:
            The path.

        Raises:
            EvokedError: if its name is not UTF-8.
            OutputError: if it is a pipe, socket or device, or the folder cannot be made.
        """
        path = Path(value)
        _check_name(path)
        if file_type := special_file(path):
            raise OutputError(f"cannot write {path}: it is {file_type}, not a file. Choose another place")
        dry_run = ctx is not None and ctx.meta.get(DRY_RUN)
        if str(value).endswith(("/", os.sep)) and not dry_run:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                problem = "it is a file, not a folder" if path.exists() else error.strerror
                raise OutputError(f"cannot make the folder {value}: {problem}. Choose another place") from error
        return path


def _check_name(path: Path) -> None:
    if not is_utf8(path):
        raise EvokedError(f"{printable(path)} has a name that is not UTF-8, which results cannot hold: rename it")
