"""How one step of a study ended for one file, and the log of these outcomes that a run leaves."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from evoked.core.files import parse_json, write_text

__all__ = ["State", "StepOutcome", "read_outcomes", "write_outcomes"]

State = Literal["done", "kept", "failed", "left out"]


@dataclass(frozen=True)
class StepOutcome:
    """How one step ended for one file.

    Attributes:
        step: e.g. "annotate".
        name: file name, or "" for a step over the whole study.
        state: done now, kept from an earlier run, failed, or left out: the study lacks what the step needs, which is
            no failure.
        reason: why it failed or was left out, one line; for a done item what was wrong with its file, mostly "".

    Raises:
        ValueError: for another state.
    """

    step: str
    name: str
    state: State
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state not in get_args(State):
            raise ValueError(f"state must be one of {', '.join(get_args(State))}, got {self.state!r}")

    @property
    def in_place(self) -> bool:
        """Whether the step's results are there, whichever run made them."""
        return self.state in ("done", "kept")

    @property
    def status(self) -> str:
        """The state without which run made the results: "in place", "failed" or "left out"."""
        return "in place" if self.in_place else self.state


def write_outcomes(path: Path, outcomes: Sequence[StepOutcome]) -> None:
    """Write outcomes as a JSON array of objects, one per outcome.

    Args:
        path: the file to write.
        outcomes: in order.

    Raises:
        OutputError: if it cannot be written.
    """
    write_text(path, json.dumps([asdict(outcome) for outcome in outcomes], indent=1, ensure_ascii=False) + "\n")


def read_outcomes(path: Path) -> tuple[StepOutcome, ...]:
    """Read what `write_outcomes` wrote; keys that it does not write are ignored.

    Raises:
        OSError: if the file cannot be read.
        ValueError, KeyError, TypeError: if it is no such JSON.
    """
    rows = parse_json(path.read_text(encoding="utf-8"))
    names = [field.name for field in fields(StepOutcome)]
    return tuple(StepOutcome(**{name: row[name] for name in names}) for row in rows)
