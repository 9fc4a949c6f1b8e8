"""Small films as people really have them: fine though odd, and broken in every way.

All are made from one master, 6 s of Big Buck Bunny beside a woman who laughs, with the film's sound: it
serves as a reaction and as a content. What is fine though odd must give what the plain copy gives.

Run it by hand to look at them: python tests/cli/odd_media.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))  # for make_clips, which is also a script

from make_clips import X264, run, set_matrix

from evoked.weights.cache import default_cache

SECONDS = 6  # five of them must be heard in common
RATE = 12
FILM_S = 60  # the stretch of the film; a rabbit steps out of its burrow
ELSEWHERE_S = 300  # another stretch, with another sound
WOMAN_S = 10  # from here on she laughs
SIZE = (400, 144)
AAC = ("-c:a", "aac", "-b:a", "96k")


def master(folder: Path, name: str = "master.mkv", film_s: int = FILM_S) -> Path:
    """The film beside the woman, lossless."""
    cache = default_cache()
    beside = (
        "[0:v]scale=256:144[film];[1:v]crop=360:360,scale=144:144[woman];"
        f"[film][woman]hstack,fps={RATE},format=yuv420p[both]"
    )
    inputs = ("-ss", film_s, "-t", SECONDS, "-i", cache.clip("bbb.mp4"))
    inputs += ("-ss", WOMAN_S, "-t", SECONDS, "-i", cache.clip("WolfgangLanger_Pexels.mp4"))
    path = folder / name
    run(*inputs, "-filter_complex", beside, "-map", "[both]", "-map", "0:a", "-ac", 1, "-t", SECONDS,
        "-c:v", "ffv1", "-c:a", "pcm_s16le", path)  # fmt: skip
    return path


def content(folder: Path) -> Path:
    """The film alone, of which the master is a reaction."""
    path = folder / "content.mp4"
    run("-ss", FILM_S, "-t", SECONDS, "-i", default_cache().clip("bbb.mp4"), "-vf", f"scale=256:144,fps={RATE}",
        *X264, *AAC, "-ac", 1, path)  # fmt: skip
    return path


def odd(folder: Path, source: Path) -> dict[str, Path]:
    """Films that are fine, by what is odd about them; `plain` is the one that is not."""
    out = {name: folder / f"{name}.mp4" for name in ("plain", "variable", "ten_bit", "late_sound", "rotated")}
    run("-i", source, *X264, *AAC, out["plain"])
    uneven = "select='lt(mod(n\\,7)\\,5)'"  # two of seven frames are missing; the others keep their times
    run("-i", source, "-vf", uneven, "-vsync", "vfr", *X264, *AAC, out["variable"])
    run("-i", source, *X264, "-pix_fmt", "yuv420p10le", "-profile:v", "high10", *AAC, out["ten_bit"])
    run("-i", out["plain"], "-itsoffset", 1.5, "-i", out["plain"], "-map", "0:v", "-map", "1:a", "-c", "copy",
        out["late_sound"])  # fmt: skip
    run("-i", source, "-vf", "transpose=cclock", *X264, *AAC, out["rotated"])
    set_matrix(out["rotated"], (0, 1, -1, 0))
    out["odd_size"] = folder / "odd_size.mkv"
    run("-i", source, "-vf", "scale=401:145,format=yuv444p", "-c:v", "ffv1", "-c:a", "pcm_s16le", out["odd_size"])
    out["late_clock"] = folder / "late_clock.ts"  # its own time begins at 10 s
    run("-i", source, *X264, "-c:a", "mp2", "-output_ts_offset", 10, out["late_clock"])
    return out


def bare(folder: Path, source: Path) -> dict[str, Path]:
    """Films that lack something, each of them whole."""
    out = {"silent": folder / "silent.mp4", "one_frame": folder / "one_frame.mp4", "faceless": folder / "faceless.mp4"}
    run("-i", source, *X264, "-an", out["silent"])
    run("-i", source, *X264, "-an", "-frames:v", 1, out["one_frame"])
    run("-f", "lavfi", "-t", SECONDS, "-i", f"mandelbrot=size=256x144:rate={RATE}", "-i", source, "-map", "0:v",
        "-map", "1:a", *X264, *AAC, out["faceless"])  # fmt: skip
    out["heard_m4a"], out["heard_wav"] = folder / "heard.m4a", folder / "heard.wav"
    run("-i", source, "-vn", *AAC, out["heard_m4a"])
    run("-i", source, "-vn", out["heard_wav"])
    out["still"] = default_cache().clip("single_face.jpg")
    return out


def broken(folder: Path, whole: Path) -> dict[str, Path]:
    """What is no film at all, or not one any more."""
    front = folder / "front.mp4"
    run("-i", whole, "-c", "copy", "-movflags", "+faststart", front)
    noise = np.random.default_rng(7).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    first, plain = front.read_bytes(), whole.read_bytes()
    assert plain.index(b"mdat") < plain.index(b"moov")
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"this is no film\n" * 400,
        "noise.mp4": noise,
        "no_index.mp4": plain[: len(plain) // 2],
        "cut_off.mp4": first[: len(first) // 2],
    }
    for name, body in contents.items():
        (folder / name).write_bytes(body)
    (folder / "folder.mp4").mkdir()
    front.unlink()
    return {name.split(".")[0]: folder / name for name in (*contents, "folder.mp4", "missing.mp4")}


def foreign(folder: Path) -> Path:
    """A reaction to something else."""
    path = folder / "foreign.mp4"
    run("-i", master(folder, "elsewhere.mkv", ELSEWHERE_S), *X264, *AAC, path)
    return path


def everything(folder: Path) -> dict[str, Path]:
    """All of them, by name."""
    source = master(folder)
    good = odd(folder, source)
    return {
        "content": content(folder),
        "foreign": foreign(folder),
        **good,
        **bare(folder, source),
        **broken(folder, good["plain"]),
    }


if __name__ == "__main__":
    root = Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    for name, path in everything(root).items():
        print(name, path)
