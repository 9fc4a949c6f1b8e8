"""Settings of a rating plan and of the rating server."""

from typing import Literal

from evoked.core.settings import setting, settings

__all__ = ["PlanConfig", "RateServerConfig"]


@settings
class PlanConfig:
    """Which clips are rated, and how often."""

    seconds: int = setting(3, "length of a clip, in seconds", ge=1, le=60)
    repeats: int = setting(3, "different people who rate each clip", ge=1, le=100)
    clips: int = setting(300, "clips that are drawn in all", ge=1)
    per_video: int | None = setting(None, "clips that are drawn of each recording instead", ge=1)
    sample: Literal["balanced", "uniform", "by-score", "uncertain"] = setting(
        "balanced",
        "balanced: by-score within each recording, as many of each; uniform: all alike; by-score: high machine scores "
        "of each expression more often, rare ones too; uncertain: scores near a half more often",
    )
    min_visible: float = setting(0.9, "share of a clip's frames in which the viewer must be visible", gt=0, le=1)
    seed: int = setting(0, "seed of the draw and of the order", ge=0)


@settings
class RateServerConfig:
    """How the server hands out clips."""

    lease_s: float = setting(600.0, "seconds after which a clip that was not answered goes to somebody else", gt=0)
    ahead: int = setting(3, "clips that a rater holds at once, so that the next ones load in time", ge=1, le=20)
    cut_ahead: bool = setting(True, "cut all clips when the server begins; else each when it is first asked for")
    link_s: float = setting(3600.0, "seconds for which the address of a clip can be used", gt=0)
