"""Make clips with a known ground truth: every frame shows its own number, every second has a click.

Each frame shows its number as a bar code, and is shown at number / rate (+ a start). A white flash
fills the picture's lower third in the first frame of each whole second, and the sound clicks there.
Made by ffmpeg's command line, so that reading is checked against another tool's writing.

Run it by hand to look at them: python tests/media/make_clips.py FOLDER
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BITS = 12
HZ = 44100
SIZE = (192, 108)


@dataclass(frozen=True)
class Clip:
    """A file and its ground truth.

    Attributes:
        path: where it is.
        rate: numbers per second: number n is shown at start_s + n / rate.
        numbers: those that are in it.
        start_s: of number 0, on the file's clock.
        sound_s: of the sound's first sample, on the file's clock; None where it has no sound.
        slack_s: what the container rounds times to.
    """

    path: Path
    rate: Fraction
    numbers: tuple[int, ...]
    start_s: float = 0.0
    sound_s: float | None = 0.0
    slack_s: float = 0.0

    def number_at(self, second: float) -> int:
        """The number shown at an instant: of the last frame at or before it, or of the first."""
        seen = [n for n in self.numbers if self.start_s + float(n / self.rate) <= second + 1e-9]
        return seen[-1] if seen else self.numbers[0]


def code(number: int, size: tuple[int, int] = SIZE, flash: bool = False) -> NDArray[np.uint8]:
    """A frame that shows a number as BITS bars in its upper third, the most significant first."""
    width, height = size
    ys, xs = np.mgrid[:height, :width]
    plain = np.stack([(xs + 3 * number) % 256, (ys * 2 + number) % 256, (xs + ys) % 256], axis=-1).astype(np.uint8)
    bar = xs * BITS // width
    on = (number >> (BITS - 1 - bar)) & 1
    top = ys < height // 3
    plain[top] = (on[top] * 235)[:, None]
    plain[ys >= height - height // 3] = 255 if flash else 20
    return plain


def read_code(rgb: NDArray[np.uint8]) -> int:
    """The number that a frame of any size shows."""
    height, width = rgb.shape[:2]
    band = rgb[height // 12 : height // 4].astype(np.float64)
    band = band.mean(axis=(0, 2) if rgb.ndim == 3 else 0)
    middles = [(2 * i + 1) * width // (2 * BITS) for i in range(BITS)]
    return int("".join("1" if band[m - 1 : m + 2].mean() > 118 else "0" for m in middles), 2)


def clicks(seconds: float, hz: int = HZ) -> NDArray[np.float32]:
    """Silence with a short, sharp click at each whole second, float32 (n,)."""
    sound = np.zeros(round(seconds * hz), dtype=np.float32)
    for second in range(int(np.ceil(seconds))):
        sound[second * hz : second * hz + 40] = 0.8
    return sound


def run(*words: object) -> None:
    """Run ffmpeg, quietly, on one thread; fails with its error output."""
    done = subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words)], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ffmpeg {' '.join(map(str, words))}: {done.stderr.decode()}")


class Studio:
    """Makes clips in a folder, from one lossless master per rate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def master(self, rate: Fraction, count: int, size: tuple[int, int] = SIZE) -> Path:
        """Numbers 0 … count-1 at a rate, lossless; with the clicks as 16-bit PCM."""
        path = self.folder / f"master-{rate.numerator}-{rate.denominator}-{count}-{size[0]}x{size[1]}.mkv"
        if path.exists():
            return path
        wave = self.folder / "clicks.f32"
        clicks(float(count / rate)).tofile(wave)
        whole = {int(np.ceil(s * rate)) for s in range(int(count / rate) + 1)}
        command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"]
        command += ["-r", str(rate), "-i", "-", "-f", "f32le", "-ar", str(HZ), "-ac", "1", "-i", str(wave)]
        command += ["-c:v", "ffv1", "-pix_fmt", "bgr0", "-c:a", "pcm_s16le", str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
            assert encoder.stdin is not None
            for number in range(count):
                encoder.stdin.write(code(number, size, number in whole).tobytes())
            encoder.stdin.close()
            if encoder.wait():
                raise RuntimeError(f"ffmpeg could not make {path}")
        return path

    def clip(
        self,
        name: str,
        *options: object,
        rate: Fraction = Fraction(25),
        count: int = 150,
        keep: Sequence[int] | None = None,
        size: tuple[int, int] = SIZE,
        **truth: float | None,
    ) -> Clip:
        """One encoded clip of a master; `keep` leaves other frames out (their times stay)."""
        path = self.folder / name
        words: list[object] = ["-i", self.master(rate, count, size)]
        if keep is not None:
            words += ["-vf", "select='" + "+".join(f"eq(n,{n})" for n in keep) + "'", "-vsync", "vfr"]
        run(*words, "-map_metadata", -1, "-threads", 1, *options, path)
        return Clip(path, rate, tuple(keep if keep is not None else range(count)), **truth)  # type: ignore[arg-type]


X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", 50, "-bf", 2)
AAC = ("-c:a", "aac", "-b:a", "128k")


def timed(folder: Path) -> dict[str, Clip]:
    """The clips for which every second's number is known, by name."""
    studio = Studio(folder)
    ntsc = Fraction(30000, 1001)
    uneven = [n for n in range(150) if n % 7 in (0, 1, 4) and not 60 <= n < 95]
    clips = {
        "constant": studio.clip("constant.mp4", *X264, *AAC),
        "ntsc": studio.clip("ntsc.mp4", *X264, *AAC, rate=ntsc, count=180),
        "variable": studio.clip("variable.mp4", *X264, *AAC, keep=uneven),
        "slides": studio.clip("slides.mp4", *X264, "-an", keep=(0, 62, 63, 140), sound_s=None),
        "webm": studio.clip(
            "vp9.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8, "-c:a", "libopus", slack_s=0.001
        ),
        "transport": studio.clip("start.ts", *X264, "-c:a", "mp2", "-output_ts_offset", 10, slack_s=0.001),
        "matroska": studio.clip("film.mkv", *X264, "-c:a", "pcm_s16le", slack_s=0.001),
        "silent": studio.clip("silent.mp4", *X264, "-an", sound_s=None),
        "avi": studio.clip("film.avi", "-c:v", "mpeg4", "-bf", 0, "-q:v", 3, "-c:a", "pcm_s16le"),
        "one": studio.clip("one.mp4", *X264, "-an", count=1, sound_s=None),
        "ten_bit": studio.clip("ten.mp4", *X264, "-pix_fmt", "yuv420p10le", "-profile:v", "high10", *AAC),
        "odd": studio.clip("odd.mkv", "-c:v", "ffv1", "-an", size=(321, 241), count=60, sound_s=None, slack_s=0.001),
        "open_gop": studio.clip("open.mp4", *X264, "-x264-params", _OPEN, *AAC),
        "hevc": studio.clip("hevc.mp4", *_X265, "-x265-params", "log-level=none:keyint=40:bframes=4", *AAC),
        "hevc_closed": studio.clip(
            "closed.mkv", *_X265, "-pix_fmt", "yuv420p10le", "-x265-params",
            "log-level=none:keyint=40:open-gop=0:temporal-layers=1", "-an", sound_s=None, slack_s=0.001,
        ),
    }  # fmt: skip
    return {**clips, **shifted(studio, clips["constant"])}


_X265 = ("-c:v", "libx265", "-preset", "ultrafast")
_OPEN = "open-gop=1:keyint=40:bframes=3:b-pyramid=normal"


def shifted(studio: Studio, whole: Clip) -> dict[str, Clip]:
    """Clips whose picture and sound do not start together, and clips cut by an edit list."""
    out: dict[str, Clip] = {}
    for name, delay, other in (("late_sound", 1, 0), ("late_picture", 0, 1)):
        path = studio.folder / f"{name}.mp4"
        inputs = [["-i", whole.path], ["-itsoffset", 1.5, "-i", whole.path]]
        run(*inputs[0], *inputs[1], "-map", f"{other}:v", "-map", f"{delay}:a", "-c", "copy", path)
        late = name == "late_picture"
        out[name] = Clip(path, whole.rate, whole.numbers, start_s=1.5 * late, sound_s=1.5 * (not late))
    path = studio.folder / "cut.mp4"  # begins within a group: the frames before are there, and hidden
    run("-ss", 1.2, "-i", whole.path, "-c", "copy", path)
    out["cut"] = Clip(path, whole.rate, whole.numbers[30:], start_s=-1.2, sound_s=-1.2)
    return out


def turned(folder: Path, source: Path) -> dict[int, Path]:
    """Copies of an MP4 whose stored picture is turned, and whose display matrix turns it upright."""
    out = {}
    matrices = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    filters = {90: "transpose=cclock", 180: "hflip,vflip", 270: "transpose=clock"}
    for degrees, (a, b, c, d) in matrices.items():
        path = folder / f"turned{degrees}.mp4"
        run("-i", source, "-vf", filters[degrees], *X264, "-c:a", "copy", path)
        set_matrix(path, (a, b, c, d))
        out[degrees] = path
    return out


def set_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write (a, b, c, d) into the first track header (ISO 14496-12, tkhd version 0) of an MP4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        data[at + place : at + place + 4] = (value * 65536).to_bytes(4, "big", signed=True)
    path.write_bytes(data)


def broken(folder: Path, whole: Path) -> dict[str, Path]:
    """Files that are not what they should be, by what is wrong with them."""
    folder.mkdir(parents=True, exist_ok=True)
    front = folder / "front.mp4"
    run("-i", whole, "-c", "copy", "-movflags", "+faststart", front)
    data, plain = front.read_bytes(), whole.read_bytes()
    noise = np.random.default_rng(7).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    middle = len(data) // 2
    contents = {
        "truncated.mp4": data[: len(data) * 6 // 10],
        "no_index.mp4": plain[: len(plain) * 6 // 10],
        "empty.mp4": b"",
        "text.mp4": b"this is no video\n" * 400,
        "notes.txt": b"this is no video\n" * 400,
        "noise.mp4": noise,
        "noise.mp3": noise,
        "damaged.mp4": data[:middle] + noise[:2000] + data[middle + 2000 :],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder.mp4").mkdir(exist_ok=True)
    return {Path(name).name: folder / name for name in (*contents, "folder.mp4")}


if __name__ == "__main__":
    if shutil.which("ffmpeg") is None:
        sys.exit("ffmpeg is needed to make clips")
    root = Path(sys.argv[1])
    made = timed(root)
    turned(root, made["constant"].path)
    broken(root / "broken", made["constant"].path)
    print(*sorted(p.name for p in root.iterdir()), sep="\n")
