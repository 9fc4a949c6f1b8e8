"""Find the result file of a video by the video's name."""

from collections.abc import Iterable
from pathlib import Path

from evoked.core.errors import DatasetError

__all__ = ["find_result_files"]


def find_result_files(videos: Iterable[str], folder: Path, suffix: str) -> dict[str, Path]:
    """The result file of each video in a folder: NAME.EXT.suffix, else NAME.suffix.

    Args:
        videos: file names with their extensions, as in labels.parquet.
        folder: where the results are.
        suffix: with its dot.

    Returns:
        Video → file, for those that have one, in the order of the names.

    Raises:
        DatasetError: if there is no such folder, or one file would serve two videos.
    """
    if not folder.is_dir():
        raise DatasetError(f"no folder {folder}; make what belongs there first, or give another")
    files: dict[str, Path] = {}
    videos_of: dict[Path, str] = {}
    for video in sorted(set(videos)):
        path = folder / f"{video}{suffix}"
        if not path.is_file():
            path = folder / f"{Path(video).stem}{suffix}"
        if not path.is_file():
            continue
        if path in videos_of:
            raise DatasetError(f"{path} could be of {videos_of[path]!r} or of {video!r}; name it {video}{suffix}")
        files[video], videos_of[path] = path, video
    return files
