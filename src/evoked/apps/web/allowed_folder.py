"""Files below one folder: what a client may name, and nothing else."""

from pathlib import Path

from evoked.core.errors import EvokedError

__all__ = ["AllowedFolder"]


class AllowedFolder:
    """Opens nothing outside a folder: neither by `..`, nor by an absolute path, nor through a symbolic link.

    Args:
        root: the folder.

    Raises:
        EvokedError: if it is none.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise EvokedError(f"{root} is no folder: name one that holds videos")
        self.root = root.resolve(strict=True)

    def file(self, name: str) -> Path | None:
        """The file that a name means.

        Args:
            name: relative to the folder, parts separated by /.

        Returns:
            Its real path; None where there is no such file below the folder, whatever there is elsewhere.
        """
        if not name or "\0" in name or "\\" in name or name.startswith("/"):
            return None
        try:
            path = (self.root / name).resolve(strict=True)
        except (OSError, RuntimeError, UnicodeError):  # absent, a loop of links, a name that is none
            return None
        return path if path.is_relative_to(self.root) and path.is_file() else None
