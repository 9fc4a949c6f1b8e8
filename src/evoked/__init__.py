"""Learn from people's faces what a video makes its viewers express, and predict it for a new one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evoked.core.errors import EvokedError
    from evoked.core.expressions import EEV5, EEV15
    from evoked.core.time_grid import TimeGrid
    from evoked.core.track import Track

__version__ = "0.1.0"
__all__ = ["EEV5", "EEV15", "EvokedError", "TimeGrid", "Track", "__version__"]

HOMES = {
    "EvokedError": "errors",
    "EEV5": "expressions",
    "EEV15": "expressions",
    "TimeGrid": "time_grid",
    "Track": "track",
}
"""Name → the file of core where it lives. It is imported when it is asked for: numpy alone takes 0.1 s of CPU."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"evoked.core.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
