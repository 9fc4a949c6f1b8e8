"""Bars that take too long for `make bench`: what is asked, and the command that measures it.

python benchmarks/elsewhere.py
"""

ELSEWHERE = (  # what, bar, command
    (
        "the stage: recordings over a grid of conditions",
        "offsets: median ≤ 20 ms, 95 % ≤ 60 ms; ≥ 95 % of seconds covered; content faces taken ≤ 1 %",
        "benchmarks/stage.py --size full",
    ),
    ("wrong pairs by sound", "none accepted in 1,000", "benchmarks/alignment.py --trials 1 --wrong 1000 --hours 0"),
    (
        "windows that share their seconds",
        "prediction ≥ 4.5×, a step ≥ 2.2× (fp32) and ≥ 3.5× (bf16) the plain way",
        "benchmarks/training.py",
    ),
    ("an epoch of the paper's size, from disk", "stated", "benchmarks/epoch.py FOLDER"),
    ("runs of windows against windows at random", "no loss of average precision", "benchmarks/runs.py"),
    ("whose face is it", "content faces taken for viewers ≤ 1 %", "benchmarks/viewers.py"),
    ("who is who", "stated", "benchmarks/following.py"),
    ("annotate's time part by part, two faces", "≥ 6× real time", "benchmarks/annotate.py --two --seconds 600"),
    ("the recogniser's trainer on planted faces", "≥ 95 % of the best there can be", "benchmarks/planted_faces.py"),
    ("a search among many contents", "grows slower than their number", "benchmarks/library.py"),
    ("the model on a planted world", "stated", "benchmarks/world.py all --folder FOLDER"),
)


def listed() -> str:
    """The list as Markdown."""
    lines = [f"| {what} | {bar} | `python {command}` |" for what, bar, command in ELSEWHERE]
    return "\n".join(["| measured apart | bar | command |", "|---|---|---|", *lines])


if __name__ == "__main__":
    print(listed())
