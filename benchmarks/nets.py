"""How fast each net runs and how far lower precision moves what it says, on real pictures and sound.

    python benchmarks/nets.py [--rounds 5] [--paper]

Prints the table behind docs/decisions/0001-one-runtime.md; with --paper that of 0030-the-papers-nets.md: the
same for the paper's nets at batch 8, whose official weights are not had here: seeded ones, from tests/paper.
Speeds are the best of the rounds, runtimes taking turns within each round, so that a busy machine is unkind
to all alike. Distances are to OpenVINO's f32 answers of the same net: the lowest and the median cosine over
the samples, and the relative length of the difference over all of them.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from evoked.core.time_grid import TimeGrid
from evoked.faces.crops import add_margin, square_box
from evoked.faces.detect import FaceDetector
from evoked.faces.identity import alignment_transform
from evoked.faces.mesh import region_of_face
from evoked.features.audio import FLOORS, log_mel
from evoked.media.decode import VideoFrame, read_audio, read_media
from evoked.media.images import read_image, resize, warp
from evoked.media.probe import probe
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS
from evoked.weights.session import Session, open_net

FACES = ("WolfgangLanger_Pexels.mp4", "single_face.mp4", "carphone_pristine.mp4")
STILLS = ("multi_face.jpg", "0-f1-su-ph.jpg", "0-f15-hao-ph.jpg", "15-f13-anc-ph.jpg", "45-m7-di-ph.jpg")
Samples = list[NDArray]


def frames(name: str, count: int) -> list[NDArray[np.uint8]]:
    """`count` pictures spread over a clip."""
    path = default_cache().clip(name)
    length = probe(path).duration_s
    grid = TimeGrid(count / length, count, start=length / count / 2 if count > 1 else Fraction(0))
    return [item.rgb() for item in read_media(path, frames=grid) if isinstance(item, VideoFrame)]


def blob(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], dtype=np.float32)


def samples() -> dict[str, Samples]:
    """Inputs by net, each a batch of one."""
    film = frames("bbb.mp4", 24)
    people = [rgb for name in FACES for rgb in frames(name, 12)] + [read_image(default_cache().clip(n)) for n in STILLS]
    detect = FaceDetector()
    found = [(rgb, face) for rgb in people for face in detect(rgb)]
    meshes = []
    for rgb, face in found:
        to_picture = np.vstack([region_of_face(face).to_picture(), [0, 0, 1]])
        cut = warp(rgb, (np.diag([256, 256, 1]) @ np.linalg.inv(to_picture))[:2], (256, 256))
        meshes.append(cut[None].astype(np.float32) / 255)
    return {
        "efficientnet-lite2": [(blob(resize(rgb, (260, 260))) - 127) / 128 for rgb in film],
        "yunet": [blob(resize(rgb, (640, 384))[..., ::-1]) for rgb in [*people[::3], *film[::3]]],
        "sface": [blob(warp(rgb, alignment_transform(face.points), (112, 112))) for rgb, face in found],
        "face-mesh": meshes,
        "yamnet": patches(read_audio(default_cache().clip("bbb.mp4"), 16_000)[: 16_000 * 240])[::4],
    }


def patches(heard: NDArray[np.float32]) -> Samples:
    """YAMNet's log mel patches, (1, 1, 96, 64) each, one per 0.96 s."""
    pieces = np.lib.stride_tricks.sliding_window_view(heard, 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    ends = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([125, 7500]) / 700)), 66) / 2595) - 1)
    hz = np.linspace(0, 8000, 257)[:, None]
    rise, fall = (hz - ends[:-2]) / np.diff(ends)[:-1], (ends[2:] - hz) / np.diff(ends)[1:]
    mel = np.abs(np.fft.rfft(pieces * window, 512)) @ np.maximum(0, np.minimum(rise, fall))
    log_mel = np.log(mel + 1e-6).astype(np.float32)
    return [log_mel[None, None, i : i + 96] for i in range(0, len(log_mel) - 95, 96)]


class Calibration(CalibrationDataReader):
    """Hands samples to the quantiser."""

    def __init__(self, name: str, given: Samples) -> None:
        self._rest: Iterator[dict[str, NDArray]] = ({name: x} for x in given)

    def get_next(self) -> dict[str, NDArray] | None:
        return next(self._rest, None)


def int8(name: str, given: Samples, folder: Path) -> Path:
    """The net with 8-bit weights (per channel) and activations, fitted to some samples."""
    source, target = default_cache().ready(name), folder / f"{name}-int8.onnx"
    quant_pre_process(source, folder / "pre.onnx", skip_symbolic_shape=True)
    entry = open_net(name).inputs[0]
    quantize_static(
        folder / "pre.onnx", target, Calibration(entry, given), quant_format=QuantFormat.QDQ, per_channel=True
    )
    return target


def variants(name: str, given: Samples, folder: Path) -> dict[str, Session]:
    """Every way to run a net here; int8 is fitted to every second sample."""
    shape = given[0].shape
    found = {f"OpenVINO {p}": open_net(name, precision=p, threads=1, shape=shape) for p in ("f32", "bf16")}
    if default_cache().ready(name).suffix == ".onnx":
        found["ONNX Runtime f32"] = open_net(name, threads=1, device="onnxruntime-cpu")
        if name in ("efficientnet-lite2", "sface"):
            found["OpenVINO int8"] = Session(int8(name, given[::2], folder), threads=1, shape=shape)
    return found


def features(name: str, session: Session, given: Samples) -> NDArray[np.float64]:
    """What the pipeline keeps of a net's answer, a row per sample."""
    rows = []
    for x in given:
        answers = session(x)
        if name == "yunet":  # scores and boxes of the cells that hold a face
            seen = np.concatenate([(answers[i] * answers[i + 3]).ravel() for i in range(3)])
            boxes = np.concatenate([answers[i + 6].reshape(-1, 4) for i in range(3)])
            rows.append(np.concatenate([seen, (boxes * (seen > 0.5)[:, None]).ravel()]))
        else:
            rows.append(answers[0].ravel())
    return np.array(rows, dtype=np.float64)


def distance(found: NDArray[np.float64], known: NDArray[np.float64]) -> tuple[float, float, float]:
    """Lowest and median cosine, and |found - known| / |known|."""
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(known, axis=1)
    cosine = (found * known).sum(axis=1)[lengths > 0] / lengths[lengths > 0]
    return float(cosine.min()), float(np.median(cosine)), float(np.linalg.norm(found - known) / np.linalg.norm(known))


def milliseconds(sessions: dict[str, Session], given: Samples, rounds: int) -> dict[str, float]:
    """Best time of one sample, the sessions taking turns."""
    best = dict.fromkeys(sessions, float("inf"))
    for _ in range(rounds):
        for kind, session in sessions.items():
            start = time.perf_counter()
            for x in given[:12]:
                session(x)
            best[kind] = min(best[kind], (time.perf_counter() - start) / len(given[:12]) * 1000)
    return best


def paper_samples() -> dict[str, Samples]:
    """Inputs of the paper's nets, batches of 8."""
    film, heard = frames("bbb.mp4", 16), read_audio(default_cache().clip("trailer_bbb.mp4"), 16_000)
    detect = FaceDetector()
    people = [rgb for name in FACES for rgb in frames(name, 6)]
    found = [(rgb, face) for rgb in people for face in detect(rgb)[:1]][:16]
    seconds = [log_mel(heard[t : t + 15_600], FLOORS["vggish"]) for t in range(0, 32 * 16_000, 16_000)]
    rows = {
        "inception-v3-fid": [(blob(resize(rgb, (299, 299))) - 128) / 128 for rgb in film],
        "inception-resnet-v1": [(blob(add_margin(rgb, face.box, 160)) - 127.5) / 128 for rgb, face in found],
        "nn2": [(blob(square_box(rgb, face.box, 224)) - 127.5) / 128 for rgb, face in found],
        "vggish": [patch[None, None] for patch in seconds],
    }
    return {name: [np.concatenate(row[i : i + 8]) for i in range(0, len(row), 8)] for name, row in rows.items()}


def paper(rounds: int) -> None:
    """Print the paper's nets: pieces a second of the clock and of the processor, and distances to f32."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "paper"))
    from paper_files import Folder

    print("| net | run by | threads | pieces/s | per CPU second | × f32 | cosine, lowest | median | relative L2 |")
    print("|---|---|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as place:
        folder = Folder(Path(place))
        for name, given in paper_samples().items():
            folder.make(name)
            NETS[name] = folder.known[name]  # this process alone: the seeded file is the catalogue's
            model = folder.cache.ready(name)
            kinds = {f"OpenVINO {p}, {n}": Session(model, p, n) for n in (1, 2) for p in ("f32", "bf16")}
            kinds["ONNX Runtime f32, 1"] = Session(model, threads=1, device="onnxruntime-cpu")
            known = np.concatenate([kinds["OpenVINO f32, 1"](x)[0] for x in given]).astype(np.float64)
            count, speed = sum(len(x) for x in given), speeds(kinds, given, rounds)
            for kind, session in kinds.items():
                low, middle, relative = distance(np.concatenate([session(x)[0] for x in given]).astype(float), known)
                wall, cpu = speed[kind]
                print(
                    f"| {name} | {kind.replace(', ', ' | ')} | {count / wall:.1f} | {count / cpu:.1f} | "
                    f"{speed['OpenVINO f32, 1'][1] / cpu:.2f} | {low:.5f} | {middle:.5f} | {relative:.1e} |",
                    flush=True,
                )


def speeds(sessions: dict[str, Session], given: Samples, rounds: int) -> dict[str, tuple[float, float]]:
    """Least seconds of the clock and of the processor for all samples, the sessions taking turns."""
    best = dict.fromkeys(sessions, (float("inf"), float("inf")))
    for _ in range(rounds):
        for kind, session in sessions.items():
            start, used = time.perf_counter(), time.process_time()
            for x in given:
                session(x)
            took = time.perf_counter() - start, time.process_time() - used
            best[kind] = min(best[kind][0], took[0]), min(best[kind][1], took[1])
    return best


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="how often each runtime is timed")
    options.add_argument("--paper", action="store_true", help="the paper's nets, with seeded weights")
    chosen = options.parse_args()
    rounds = chosen.rounds
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(f"ONNX Runtime {onnxruntime.__version__}; {'batch 8' if chosen.paper else 'one thread, batch 1'}\n")
    if chosen.paper:
        paper(rounds)
        return
    print("| net | samples | run by | ms | × f32 | cosine, lowest | median | relative L2 |")
    print("|---|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for name, given in samples().items():
            sessions = variants(name, given, Path(folder))
            known = features(name, sessions["OpenVINO f32"], given)
            times = milliseconds(sessions, given, rounds)
            for kind, session in sessions.items():
                low, middle, relative = distance(features(name, session, given), known)
                print(
                    f"| {name} | {len(given)} | {kind} | {times[kind]:.2f} | {times['OpenVINO f32'] / times[kind]:.2f} "
                    f"| {low:.5f} | {middle:.5f} | {relative:.1e} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
