"""The whole files that a fuzzing campaign damages: six seconds of a content beside a viewer, in many formats.

They differ in container and codecs only. Each is there as a reaction and as the content alone, and in the same format
from another excerpt, for pieces that are joined. Rendered once by ffmpeg from clips of the
cache, and kept.
"""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from evoked.weights.cache import default_cache

__all__ = ["SOUND_ONLY", "SOURCES", "Source", "Sources", "render_sources"]

SECONDS = 6
FPS = 12
CONTENT_START_S, OTHER_START_S, VIEWER_START_S = 60, 300, 10  # in Big Buck Bunny; she laughs from 10 s on
VIDEO = ("-g", str(2 * FPS))
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "30", "-pix_fmt", "yuv420p", "-threads", "1", *VIDEO)
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "pools=1:log-level=0", "-crf", "32")
SOURCES: dict[str, tuple[str, tuple[str, ...]]] = {
    "mp4-h264-aac": ("mp4", (*X264, "-c:a", "aac")),
    "mp4-fragmented": ("mp4", (*X264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov")),
    "mp4-hevc-aac": (
        "mp4",
        (*X265, *VIDEO, "-pix_fmt", "yuv420p", "-c:a", "aac"),
    ),
    "mkv-h264-opus": ("mkv", (*X264, "-c:a", "libopus", "-b:a", "48k")),
    "mkv-ffv1-flac": ("mkv", ("-c:v", "ffv1", "-level", "3", "-slicecrc", "1", *VIDEO, "-c:a", "flac")),
    "webm-vp8-vorbis": ("webm", ("-c:v", "libvpx", "-b:v", "300k", "-cpu-used", "8", *VIDEO, "-c:a", "libvorbis")),
    "webm-vp9-opus": (
        "webm",
        ("-c:v", "libvpx-vp9", "-b:v", "300k", "-deadline", "realtime", "-cpu-used", "8", *VIDEO, "-c:a", "libopus"),
    ),
    "ts-h264-aac": ("ts", (*X264, "-c:a", "aac")),
    "ts-mpeg2-mp2": ("ts", ("-c:v", "mpeg2video", "-r", "24", "-b:v", "600k", *VIDEO, "-c:a", "mp2")),
    "avi-mpeg4-mp3": ("avi", ("-c:v", "mpeg4", "-b:v", "500k", *VIDEO, "-c:a", "libmp3lame")),
    "avi-mjpeg-pcm": ("avi", ("-c:v", "mjpeg", "-q:v", "8", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le")),
    "mov-h264-pcm": ("mov", (*X264, "-c:a", "pcm_s16le")),
    "mov-prores-alac": ("mov", ("-c:v", "prores_ks", "-profile:v", "0", "-c:a", "alac")),
    "wav-pcm": ("wav", ("-vn", "-c:a", "pcm_s16le")),
    "mp3": ("mp3", ("-vn", "-c:a", "libmp3lame", "-b:a", "64k")),
}
"""Name → suffix, and how ffmpeg encodes it."""
SOUND_ONLY = ("wav-pcm", "mp3")


@dataclass(frozen=True)
class Source:
    """A whole file of one format.

    Attributes:
        name: one of SOURCES.
        path: a reaction to the content.
        other: a reaction to another content.
        content: the content alone.
    """

    name: str
    path: Path
    other: Path
    content: Path


@dataclass(frozen=True)
class Sources:
    """All whole files.

    Attributes:
        folder: where they are.
        content: the content that every source is a reaction to, small MP4.
        other_content: the content of the other excerpt.
        reaction: a whole reaction to the first, MP4.
        other_reaction: one to the other.
        by_name: the files to damage.
    """

    folder: Path
    content: Path
    other_content: Path
    reaction: Path
    other_reaction: Path
    by_name: dict[str, Source]


def render_sources(root: Path) -> Sources:
    """Render the whole files, or take those that an earlier campaign rendered.

    Args:
        root: a folder for them; they are in a folder inside whose name depends on everything that decides the bytes.

    Returns:
        The files.
    """
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(version + repr(SOURCES).encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    folder = root / f"sources-{key}"
    if not folder.is_dir():
        part = root / f"sources-{key}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _render(part)
        part.rename(folder)
    by_name = {
        name: Source(name, *(folder / f"{name}{part}.{suffix}" for part in ("", "-other", "-content")))
        for name, (suffix, _) in SOURCES.items()
    }
    content, other_content = folder / "content.mp4", folder / "content-other.mp4"
    plain = by_name["mp4-h264-aac"]
    return Sources(folder, content, other_content, plain.path, plain.other, by_name)


def _render(folder: Path) -> None:
    masters = {"": CONTENT_START_S, "-other": OTHER_START_S}
    bunny, woman = (str(default_cache().clip(name)) for name in ("bbb.mp4", "WolfgangLanger_Pexels.mp4"))
    side_by_side = (
        "[0:v]scale=256:144[content];[1:v]crop=360:360,scale=144:144[viewer];"
        f"[content][viewer]hstack,fps={FPS},format=yuv420p[both]"
    )
    for name, start_s in masters.items():
        excerpts = ("-ss", str(start_s), "-t", str(SECONDS), "-i", bunny)
        excerpts += ("-ss", str(VIEWER_START_S), "-t", str(SECONDS), "-i", woman)
        master = folder / f"master{name}.mkv"
        _ffmpeg(*excerpts, "-filter_complex", side_by_side, "-map", "[both]", "-map", "0:a", "-ac", "1", "-t",
                str(SECONDS), "-c:v", "ffv1", "-c:a", "pcm_s16le", str(master))  # fmt: skip
        for source, (suffix, encoding) in SOURCES.items():
            _ffmpeg("-i", str(master), *encoding, "-t", str(SECONDS), str(folder / f"{source}{name}.{suffix}"))
        master.unlink()
        if not name:
            for source, (suffix, encoding) in SOURCES.items():
                scaled = () if "-vn" in encoding else ("-vf", f"scale=256:144,fps={FPS},format=yuv420p")
                _ffmpeg(*excerpts[:6], "-ac", "1", *scaled, *encoding, str(folder / f"{source}-content.{suffix}"))
        content = (
            "-vf",
            f"scale=256:144,fps={FPS}",
            *X264,
            "-c:a",
            "aac",
            "-ac",
            "1",
            str(folder / f"content{name}.mp4"),
        )
        _ffmpeg(*excerpts[:6], *content)


def _ffmpeg(*words: str) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-fflags", "+bitexact", *words[:-1], "-flags", "+bitexact"]
    subprocess.run([*command, words[-1]], check=True)
