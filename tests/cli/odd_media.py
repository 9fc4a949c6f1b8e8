"""Small videos of unusual formats, incomplete videos, and damaged files.

All are rendered from one master: 6 s of Big Buck Bunny beside a woman who laughs, with the sound of the content. It
serves as a reaction and as a content. A video of an unusual format must give the results of the plain copy.

To look at them: python tests/cli/odd_media.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))  # for make_clips, which is also a script

from make_clips import X264, run, set_matrix

from evoked.weights.cache import default_cache

SECONDS = 6  # alignment needs five of them
RATE = 12
CONTENT_START_S = 60  # start of the excerpt in Big Buck Bunny; a rabbit steps out of its burrow
FOREIGN_START_S = 300  # start of another excerpt, with another sound
WOMAN_START_S = 10  # she laughs from here on
SIZE = (400, 144)
AAC = ("-c:a", "aac", "-b:a", "96k")


def master(folder: Path, name: str = "master.mkv", start_s: int = CONTENT_START_S) -> Path:
    """The content beside the woman, lossless."""
    cache = default_cache()
    side_by_side = (
        "[0:v]scale=256:144[content];[1:v]crop=360:360,scale=144:144[woman];"
        f"[content][woman]hstack,fps={RATE},format=yuv420p[both]"
    )
    inputs = ("-ss", start_s, "-t", SECONDS, "-i", cache.clip("bbb.mp4"))
    inputs += ("-ss", WOMAN_START_S, "-t", SECONDS, "-i", cache.clip("WolfgangLanger_Pexels.mp4"))
    path = folder / name
    run(*inputs, "-filter_complex", side_by_side, "-map", "[both]", "-map", "0:a", "-ac", 1, "-t", SECONDS,
        "-c:v", "ffv1", "-c:a", "pcm_s16le", path)  # fmt: skip
    return path


def content(folder: Path) -> Path:
    """The content, of which the master is a reaction."""
    path = folder / "content.mp4"
    source = default_cache().clip("bbb.mp4")
    run("-ss", CONTENT_START_S, "-t", SECONDS, "-i", source, "-vf", f"scale=256:144,fps={RATE}",
        *X264, *AAC, "-ac", 1, path)  # fmt: skip
    return path


def unusual(folder: Path, source: Path) -> dict[str, Path]:
    """Videos of unusual formats, by format; `plain` is an ordinary one."""
    paths = {name: folder / f"{name}.mp4" for name in ("plain", "variable", "ten_bit", "late_sound", "rotated")}
    run("-i", source, *X264, *AAC, paths["plain"])
    uneven = "select='lt(mod(n\\,7)\\,5)'"  # two of seven frames are missing; the remaining frames keep their times
    run("-i", source, "-vf", uneven, "-vsync", "vfr", *X264, *AAC, paths["variable"])
    run("-i", source, *X264, "-pix_fmt", "yuv420p10le", "-profile:v", "high10", *AAC, paths["ten_bit"])
    run("-i", paths["plain"], "-itsoffset", 1.5, "-i", paths["plain"], "-map", "0:v", "-map", "1:a", "-c", "copy",
        paths["late_sound"])  # fmt: skip
    run("-i", source, "-vf", "transpose=cclock", *X264, *AAC, paths["rotated"])
    set_matrix(paths["rotated"], (0, 1, -1, 0))
    paths["odd_size"] = folder / "odd_size.mkv"
    run("-i", source, "-vf", "scale=401:145,format=yuv444p", "-c:v", "ffv1", "-c:a", "pcm_s16le", paths["odd_size"])
    paths["late_clock"] = folder / "late_clock.ts"  # its clock starts at 10 s
    run("-i", source, *X264, "-c:a", "mp2", "-output_ts_offset", 10, paths["late_clock"])
    return paths


def incomplete(folder: Path, source: Path) -> dict[str, Path]:
    """Undamaged videos that lack a stream, faces, or all frames but one."""
    paths = {
        "silent": folder / "silent.mp4",
        "one_frame": folder / "one_frame.mp4",
        "faceless": folder / "faceless.mp4",
    }
    run("-i", source, *X264, "-an", paths["silent"])
    run("-i", source, *X264, "-an", "-frames:v", 1, paths["one_frame"])
    run("-f", "lavfi", "-t", SECONDS, "-i", f"mandelbrot=size=256x144:rate={RATE}", "-i", source, "-map", "0:v",
        "-map", "1:a", *X264, *AAC, paths["faceless"])  # fmt: skip
    paths["audio_m4a"], paths["audio_wav"] = folder / "audio.m4a", folder / "audio.wav"
    run("-i", source, "-vn", *AAC, paths["audio_m4a"])
    run("-i", source, "-vn", paths["audio_wav"])
    paths["still"] = default_cache().clip("single_face.jpg")
    return paths


def damaged(folder: Path, source: Path) -> dict[str, Path]:
    """Files that are not videos, or are cut off; a folder; a path without a file."""
    index_first_path = folder / "front.mp4"
    run("-i", source, "-c", "copy", "-movflags", "+faststart", index_first_path)
    noise = np.random.default_rng(7).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    index_first, index_last = index_first_path.read_bytes(), source.read_bytes()
    assert index_last.index(b"mdat") < index_last.index(b"moov")
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"this is not a video\n" * 400,
        "noise.mp4": noise,
        "no_index.mp4": index_last[: len(index_last) // 2],
        "cut_off.mp4": index_first[: len(index_first) // 2],
    }
    for name, body in contents.items():
        (folder / name).write_bytes(body)
    (folder / "folder.mp4").mkdir()
    index_first_path.unlink()
    return {name.split(".")[0]: folder / name for name in (*contents, "folder.mp4", "missing.mp4")}


def foreign(folder: Path) -> Path:
    """A reaction to another content."""
    path = folder / "foreign.mp4"
    run("-i", master(folder, "elsewhere.mkv", FOREIGN_START_S), *X264, *AAC, path)
    return path


def render_all(folder: Path) -> dict[str, Path]:
    """Render all of them; name → file."""
    source = master(folder)
    formats = unusual(folder, source)
    return {
        "content": content(folder),
        "foreign": foreign(folder),
        **formats,
        **incomplete(folder, source),
        **damaged(folder, formats["plain"]),
    }


if __name__ == "__main__":
    root = Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    for name, path in render_all(root).items():
        print(name, path)
