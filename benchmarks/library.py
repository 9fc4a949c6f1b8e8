"""What a search in a library of contents costs as the library grows, and what it finds.

    python benchmarks/library.py [--counts 10 100 1000] [--seconds S] [--searches N]

Contents are stretches of Big Buck Bunny, every one at a pitch and speed of its own between a half and twice
(apart by 0.14 %, so neighbours are hard), and as many of made voices. Reactions are contents under a voice 6 dB
louder; strangers are stretches in no library. Only the look-up is timed (`ranked`): what is aligned in full after
it is the same few contents however many there are.
"""

import argparse
import time

import numpy as np

from evoked.media.decode import read_audio
from evoked.reactions.alignment.audio.fingerprints import fingerprint
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.speed_pitch import resample_speed
from evoked.reactions.alignment.library.inverted_index import FingerprintPostings, build_index, count_keys, postings_of
from evoked.sample.soundtrack import viewer_murmur
from evoked.weights.cache import default_cache

HZ = 8000


def content(film: Samples, number: int, seconds: float) -> Samples:
    """Content `number`, the same whatever the library."""
    rng = np.random.default_rng(number)
    if number % 5 == 4:
        return viewer_murmur(round(seconds * HZ), rng).astype(np.float32)
    pitch = 2.0 ** (((number * 0.618034) % 1.0) * 2 - 1)
    length = int(seconds * HZ * pitch)
    start = int(rng.integers(0, len(film) - length))
    return resample_speed(film[start : start + length], pitch)[: round(seconds * HZ)]


def heard(film: Samples, number: int, seconds: float) -> Samples:
    """A reaction to a content, under a voice 6 dB louder."""
    sound_ = content(film, number, seconds)
    voice = viewer_murmur(len(sound_), np.random.default_rng(10_000 + number)).astype(np.float32)
    return sound_ + voice * np.float32(2 * sound_.std() / max(1e-9, voice.std()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000], help="contents in the library")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a content")
    parser.add_argument("--searches", type=int, default=10, help="reactions of each kind")
    asked = parser.parse_args()
    film = read_audio(default_cache().clip("bbb.mp4"), HZ)
    began = time.process_time()
    marks: list[FingerprintPostings] = [
        postings_of(fingerprint(content(film, i, asked.seconds), HZ)) for i in range(max(asked.counts))
    ]
    each = (time.process_time() - began) / len(marks)
    print(f"taking a content of {asked.seconds:g} s in: {1000 * each:.0f} ms of CPU\n")
    print("| contents | MB | right first | look-up, played | look-up, a stranger | most votes of a stranger |")
    print("|---|---|---|---|---|---|")
    for count in asked.counts:
        names = [f"{i:05d}" for i in range(count)]
        index = build_index(names, marks[:count], count_keys(marks[:count], HZ), HZ)
        right, spent, strange, most = 0, 0.0, 0.0, 0
        for k in range(asked.searches):
            number = (k * 7) % min(asked.counts)
            reaction = heard(film, number, asked.seconds)
            began = time.process_time()
            ranked = index.ranked(reaction)
            spent += time.process_time() - began
            right += bool(ranked) and ranked[0][0] == names[number]
            stranger = heard(film, 100_000 + k * 5, asked.seconds)
            began = time.process_time()
            votes = [n for _, n in index.ranked(stranger)]
            strange += time.process_time() - began
            most = max(most, max(votes, default=0))
        megabytes = (index.places.nbytes + index.starts.nbytes) / 1e6
        print(
            f"| {count} | {megabytes:.1f} | {right} of {asked.searches} | {1000 * spent / asked.searches:.0f} ms | "
            f"{1000 * strange / asked.searches:.0f} ms | {most} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
