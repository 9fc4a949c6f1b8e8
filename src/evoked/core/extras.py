"""Packages of optional extras: whether they are installed, without importing them."""

import importlib.util

from evoked.core.errors import EvokedError, TrainingError

__all__ = [
    "INSTALL_TRAINING",
    "SERVING",
    "TRAINING",
    "missing_for_training",
    "require_module",
    "require_serving",
    "require_training",
]

TRAINING = ("torch", "lightning_fabric")
"""Packages that every training needs."""
INSTALL_TRAINING = "pip install 'evoked[train]'"
SERVING = ("fastapi", "uvicorn")
"""Packages that every server needs."""


def missing_for_training() -> tuple[str, ...]:
    """The packages of TRAINING that are not installed."""
    return tuple(name for name in TRAINING if not _is_installed(name))


def require_training(command: str) -> None:
    """Check before any work that a command can train.

    Args:
        command: named in the message.

    Raises:
        TrainingError: if a package is not installed.
    """
    if missing := missing_for_training():
        raise TrainingError(f"{command} needs {missing[0]}, which is not installed. Run: {INSTALL_TRAINING}")


def require_serving(command: str) -> None:
    """Check that a command can serve.

    Args:
        command: named in the message.

    Raises:
        EvokedError: if a package is not installed.
    """
    if missing := [name for name in SERVING if not _is_installed(name)]:
        raise EvokedError(f"{command} needs {missing[0]}, which is not installed. Run: pip install 'evoked[serve]'")


def require_module(module: str, user: str) -> None:
    """Check that a package which few calls need is installed.

    Args:
        module: name that is imported; pip knows it by the same name.
        user: what needs it, named in the message.

    Raises:
        EvokedError: if it is not installed.
    """
    if not _is_installed(module):
        raise EvokedError(f"{user} needs {module}, which is not installed. Run: pip install {module}")


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
