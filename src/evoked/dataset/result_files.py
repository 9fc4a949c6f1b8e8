"""Find the result file of a video by the video's name."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from evoked.core.errors import DatasetError
from evoked.core.names import derived_name

__all__ = ["find_result_files", "without_extension"]


def find_result_files(videos: Iterable[str], folder: Path, suffix: str) -> dict[str, Path]:
    """The result file of each video in a folder: NAME.EXT.suffix, else NAME.suffix.

    Names in either Unicode form are the same (macOS writes ü as two characters). What follows the last dot of a name
    is an extension only if it has a letter: `lecture.1` is not `lecture`.

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
    paths = {unicodedata.normalize("NFC", path.name): path for path in folder.iterdir() if path.name.endswith(suffix)}
    files: dict[str, Path] = {}
    videos_of: dict[Path, str] = {}
    for video in sorted(set(videos)):
        names = [derived_name(name, suffix) for name in (video, without_extension(video))]
        candidates = [paths.get(unicodedata.normalize("NFC", name), folder / name) for name in names]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            continue
        if path in videos_of:
            raise DatasetError(f"{path} could be of {videos_of[path]!r} or of {video!r}; name it {video}{suffix}")
        files[video], videos_of[path] = path, video
    return files


def without_extension(video: str) -> str:
    """A video's name without its file extension: what follows the last dot, if it has a letter (`12.5` has none)."""
    stem, dot, extension = video.rpartition(".")
    return stem if dot and stem and re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,5}", extension) else video
