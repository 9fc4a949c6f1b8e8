"""Synthetic rated clips with known relations of machine and raters: a table of scores and a table of ratings."""

from pathlib import Path

import numpy as np

NAMES = ("amusement", "surprise")
RATE = {"amusement": 0.45, "surprise": 0.12}
NOISE = {"woman": 0.3, "man": 1.2}  # of the machine, by gender of the viewer


def write_world(
    folder: Path, *, videos: int = 24, clips: int = 12, raters: int = 3, seed: int = 0, mistaken: float = 0.12
) -> tuple[Path, Path]:
    """scores.csv and ratings.csv: each rater errs in a share `mistaken` of the marks, the machine by NOISE."""
    random = np.random.default_rng(seed)
    scores, ratings = [",".join(("clip", *NAMES))], [",".join(("clip", "video", "rater", "gender", *NAMES))]
    for video in range(videos):
        gender = ("woman", "man")[video % 2]
        for i in range(clips):
            clip = f"clips/{video:02}_{i:02}.mp4"
            truth = random.random(2) < [RATE[n] for n in NAMES]
            machine_scores = 1 / (1 + np.exp(-(2.0 * truth - 1.0 + NOISE[gender] * random.normal(size=2))))
            scores.append(",".join([clip, *(f"{score:.4f}" for score in machine_scores)]))
            for rater in random.permutation(5)[:raters]:
                marks = truth ^ (random.random(2) < mistaken)
                ratings.append(f"{clip},v{video:02}.mp4,r{rater},{gender},{int(marks[0])},{int(marks[1])}")
    machine, human = folder / "scores.csv", folder / "ratings.csv"
    machine.write_text("\n".join(scores) + "\n")
    human.write_text("\n".join(ratings) + "\n")
    return machine, human
