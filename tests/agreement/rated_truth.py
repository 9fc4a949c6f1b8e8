"""The ground truth of a staged study as ratings of one perfect rater."""

from pathlib import Path
from typing import Any

CLIP_S = 3.0


def spans(truth: dict[str, Any]) -> str:
    """RATINGS.csv of clips of 3 s of the recordings: smile (amusement) or not for the entire clip, by its states."""
    lines = ["video,start_s,end_s,rater,person,amusement"]
    for name, reaction in truth["reactions"].items():
        for start, end, state in reaction["on_reaction"]:
            for i in range(int((end - start) // CLIP_S)):
                first = start + i * CLIP_S
                if state != "-":
                    mark = int(state == "s")
                    lines.append(f"{name},{first:.3f},{first + CLIP_S:.3f},truth,{reaction['viewer']},{mark}")
    return "\n".join(lines) + "\n"


def seconds(truth: dict[str, Any]) -> str:
    """RATINGS.csv of the seconds of the contents, as the majority vote must label them."""
    lines = ["video,second,rater,amusement"]
    for name, content in truth["contents"].items():
        for second, state in enumerate(content["pooled"]):
            if state != "-":
                lines.append(f"{name},{second},truth,{int(state == 's')}")
    return "\n".join(lines) + "\n"


def write(truth: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write spans.csv and seconds.csv; their paths."""
    (folder / "spans.csv").write_text(spans(truth))
    (folder / "seconds.csv").write_text(seconds(truth))
    return folder / "spans.csv", folder / "seconds.csv"
