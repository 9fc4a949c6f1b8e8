"""Learn from people's faces what a video makes its viewers express, and predict it for a new one."""

from evoked.core.errors import EvokedError
from evoked.core.expressions import EEV5, EEV15
from evoked.core.timeline import Grid
from evoked.core.track import Track

__version__ = "0.1.0"
__all__ = ["EEV5", "EEV15", "EvokedError", "Grid", "Track", "__version__"]
