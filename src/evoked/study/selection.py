"""Which steps a run does: all of them, those up to one, or one alone."""

from dataclasses import dataclass

__all__ = ["ALL_STEPS", "STEPS", "StepSelection"]

STEPS = ("align", "annotate", "label", "features", "hold out", "evaluate", "train", "report")
"""In the order of a run."""
_LABELLED = ("align", "annotate", "label", "features")
NEEDS: dict[str, tuple[str, ...]] = {
    "align": (),
    "annotate": ("align",),
    "label": ("align", "annotate"),
    "features": (),
    "hold out": _LABELLED,
    "evaluate": (*_LABELLED, "hold out"),
    "train": _LABELLED,
    "report": (),
}
"""Step → the steps whose results it reads; the report shows what is there."""


@dataclass(frozen=True)
class StepSelection:
    """Which steps a run does.

    Attributes:
        only: the one step that is done; "": all. What it reads must be up to date.
        until: the last step that is done; "": all.

    Raises:
        ValueError: for an unknown step, or if both are given.
    """

    only: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        for step in (self.only, self.until):
            if step and step not in STEPS:
                raise ValueError(f"no step {step!r}; there are: {', '.join(STEPS)}")
        if self.only and self.until:
            raise ValueError("choose one step alone, or all until one, not both")

    @property
    def whole(self) -> bool:
        """Whether every step is done."""
        return not self.only and self.until in ("", STEPS[-1])

    def does(self, *steps: str) -> bool:
        """Whether the run may do any of these steps."""
        return any(
            step == self.only if self.only else not self.until or STEPS.index(step) <= STEPS.index(self.until)
            for step in steps
        )

    def reads(self, *steps: str) -> bool:
        """Whether the run does any of these steps, or a chosen step reads their results."""
        return self.does(*steps) or any(step in NEEDS.get(self.only, ()) for step in steps)

    def refusal(self, why: str) -> str:
        """The reason why the result of a step that is not chosen cannot be used.

        Args:
            why: in which way it is out of date.

        Returns:
            One line.
        """
        return f"not up to date: {why}. Only {self.only!r} was asked for; ask for all steps until {self.only!r} instead"


ALL_STEPS = StepSelection()
"""A whole run."""
