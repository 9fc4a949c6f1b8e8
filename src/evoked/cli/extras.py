"""What a verb needs beyond the base installation: checked before any work."""

import importlib.util

from evoked.core.errors import TrainingError

__all__ = ["need_torch"]


def need_torch(verb: str) -> None:
    """Check that torch is installed.

    Raises:
        TrainingError: if it is not; names the extra that brings it.
    """
    if importlib.util.find_spec("torch") is None:
        raise TrainingError(f"evoked {verb} needs torch, which is not installed. Run: pip install 'evoked[train]'")
