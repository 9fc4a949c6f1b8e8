"""What the sound of a reaction tells of its viewer: is there a voice beside the content, and does it laugh?

    python benchmarks/own_voice.py CONTENT [--seconds 240] [--levels -10 0 10]

CONTENT is a film with sound. Its sound, as a recording has it (quieter, without the highest and lowest tones), is mixed
with a synthetic voice (espeak-ng, which must be installed) that speaks in every other block of 4 s, and says "ha ha
ha" in every fourth; what is spoken when is known. Each second is scored by YAMNet's classes in the mix, minus the
same class in the content's own second, which an alignment knows. Printed per level of the voice over the content:
area under the ROC curve of speech for seconds with speech against silent ones, and of laughter for laughing ones
against seconds with speech; and the CPU time of both scores per second.
"""

import argparse
import subprocess
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.features.audio import FLOORS, HZ, PATCH, log_mel
from evoked.metrics.average_precision import roc_auc
from evoked.weights.session import open_net

SPEECH, LAUGHTER = (0, 1, 2, 3), (13, 14, 15, 16, 17, 18)
"""Rows of AudioSet's ontology in YAMNet's order: speech and conversation; laughter, giggle, chuckle."""
BLOCK_S = 4
SAID = (
    "Oh, look at that. I did not expect him to do this at all, and I wonder what is going to happen to the rabbit now."
)
LAUGHED = "ha ha ha ha ha ha ha ha ha ha ha ha, ha ha ha ha ha ha ha ha"

Samples = NDArray[np.float32]


def decoded(arguments: list[str], given: bytes | None = None) -> Samples:
    """Sound as ffmpeg decodes it: mono, 16 kHz."""
    command = ["ffmpeg", "-v", "error", *arguments, "-ac", "1", "-ar", str(HZ), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, input=given, capture_output=True, check=True).stdout, np.float32)


def spoken(text: str) -> Samples:
    """A block of synthetic voice."""
    wave = subprocess.run(["espeak-ng", "--stdout", text], capture_output=True, check=True).stdout
    return np.resize(decoded(["-i", "-"], wave), BLOCK_S * HZ)


def scores(net: object, samples: Samples, seconds: int) -> NDArray[np.float32]:
    """YAMNet's 521 scores of each second."""
    patches = np.stack([log_mel(samples[t * HZ : t * HZ + PATCH], FLOORS["yamnet"]) for t in range(seconds)])
    return np.asarray(net(patches[:, None])[1])  # type: ignore[operator]


def rms(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("content", type=Path)
    words.add_argument("--seconds", type=int, default=240)
    words.add_argument("--levels", type=int, nargs="*", default=[-10, 0, 10])
    given = words.parse_args()
    cut = ["-t", str(given.seconds + 1), "-i", str(given.content)]
    content = decoded(cut)
    recorded = decoded([*cut, "-af", "highpass=f=150,lowpass=f=5000,volume=-9dB"])
    said, laughed = spoken(SAID), spoken(LAUGHED)
    blocks = np.arange(given.seconds) // BLOCK_S % 4  # silent, speech, silent, laughter
    voice = np.concatenate(
        [(said, laughed)[b // 2] if b % 2 else 0 * said for b in np.arange(given.seconds // BLOCK_S + 1) % 4]
    )
    net = open_net("yamnet", threads=1)
    own = scores(net, content, given.seconds)
    for level in given.levels:
        mixed = recorded.copy()
        length = min(len(mixed), len(voice))
        mixed[:length] += voice[:length] * rms(recorded) / rms(said) * 10 ** (level / 20)
        began = time.process_time()
        above = scores(net, mixed, given.seconds) - own
        spent = time.process_time() - began
        speech, laughter = above[:, SPEECH].max(axis=1), above[:, LAUGHTER].max(axis=1)
        silent, speaking, laughing = blocks % 2 == 0, blocks == 1, blocks == 3
        heard = roc_auc(speech[silent | speaking], speaking[silent | speaking])
        told = roc_auc(laughter[speaking | laughing], laughing[speaking | laughing])
        print(
            f"voice {level:+d} dB over the content: speech AUC {heard:.3f} "
            f"(median {np.median(speech[speaking]):.2f}, silent {np.median(speech[silent]):.2f}), laughter against "
            f"speech AUC {told:.3f} (median {np.median(laughter[laughing]):.2f}, speech "
            f"{np.median(laughter[speaking]):.2f}), {1000 * spent / given.seconds:.1f} ms CPU a second"
        )


if __name__ == "__main__":
    main()
