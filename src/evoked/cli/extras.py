"""What a command needs beyond the base installation: checked before any work."""

import importlib.util

from evoked.core.errors import TrainingError

__all__ = ["need_torch"]


def need_torch(command: str) -> None:
    """Check that torch is installed.

    Args:
        command: its name, for the message.

    Raises:
        TrainingError: if it is not; names the extra that brings it.
    """
    try:
        found = importlib.util.find_spec("torch") is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        raise TrainingError(f"evoked {command} needs torch, which is not installed. Run: pip install 'evoked[train]'")
