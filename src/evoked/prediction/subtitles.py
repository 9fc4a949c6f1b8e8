"""Predictions as subtitles and annotation tiers: WebVTT and SRT for players, ELAN for annotators.

Spans of seconds in which the same expressions are on become cues (WebVTT, SRT); spans of one expression become
annotations of its tier (ELAN).
"""

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.provenance import Provenance
from evoked.core.run_lengths import run_lengths
from evoked.core.track import Track

__all__ = ["Cue", "as_eaf", "as_srt", "as_vtt", "clock", "cues"]

NO_TEXT = ("Cc", "Cs", "Cn", "Zl", "Zp")
"""Unicode categories that no line of text holds: control characters, surrogates, unassigned, line separators."""


class Cue(NamedTuple):
    """A span in which the same expressions are on.

    Attributes:
        start_s, end_s: half-open span, in seconds.
        text: the expressions with their mean probability, the highest first; one line.
    """

    start_s: Fraction
    end_s: Fraction
    text: str


def cues(track: Track, threshold: float) -> Iterator[Cue]:
    """The spans of seconds in which the same expressions are on.

    Args:
        track: probabilities in [0, 1].
        threshold: an expression is on at or above this probability; in (0, 1].

    Yields:
        A cue for each span with an expression on; none where nothing is on or a second is not valid.

    Raises:
        ValueError: if the threshold is outside (0, 1].
    """
    on = _on(track, threshold)
    first = 0
    for step in range(1, track.grid.steps + 1):
        if step < track.grid.steps and (on[step] == on[first]).all():
            continue
        if on[first].any():
            means = track.values[first:step].mean(axis=0, dtype=np.float64)
            order = sorted(np.flatnonzero(on[first]), key=lambda k: -means[k])
            text = ", ".join(f"{_line(track.names[k])} {100 * means[k]:.0f} %" for k in order)
            yield Cue(track.grid.second(first), track.grid.second(step), text)
        first = step


def as_vtt(track: Track, provenance: Provenance, threshold: float = 0.5) -> str:
    """Format predictions as WebVTT.

    A cue such as "amusement 72 %, interest 55 %" has the mean of each expression over its span, the highest first.
    Spans without an expression on, and seconds that are not valid, have no cue. The provenance is in a NOTE at the top.

    Args:
        track: probabilities in [0, 1].
        provenance: of the predictions.
        threshold: an expression is on at or above this probability; in (0, 1].

    Returns:
        The file's text.

    Raises:
        ValueError: if the threshold is outside (0, 1].

    Source: W3C WebVTT: The Web Video Text Tracks Format, sections 4 (syntax) and 6 (escapes).
    """
    # a NOTE must not contain "-->"; \u003e is the same character in JSON
    note = provenance.as_json().replace(">", "\\u003e")
    blocks = ["WEBVTT", f"NOTE evoked, on at {100 * threshold:g} %\n{note}"]
    for cue in cues(track, threshold):
        blocks.append(f"{clock(cue.start_s)} --> {clock(cue.end_s)}\n{_escaped(cue.text)}")
    return "\n\n".join(blocks) + "\n"


def as_srt(track: Track, threshold: float = 0.5) -> str:
    """Format predictions as SubRip subtitles: the cues of `as_vtt`, without provenance, which the format cannot hold.

    Args:
        track: probabilities in [0, 1].
        threshold: an expression is on at or above this probability; in (0, 1].

    Returns:
        The file's text; empty where nothing is on.

    Raises:
        ValueError: if the threshold is outside (0, 1].
    """
    blocks = [
        f"{number}\n{clock(cue.start_s, ',')} --> {clock(cue.end_s, ',')}\n{cue.text.replace('-->', '→')}\n"
        for number, cue in enumerate(cues(track, threshold), start=1)
    ]
    return "\n".join(blocks)


def as_eaf(track: Track, provenance: Provenance, threshold: float = 0.5) -> str:
    """Format predictions for ELAN: a tier per expression, an annotation per span in which it is on.

    The value of an annotation is the mean probability of its span, such as "72 %". The video is the first input of the
    provenance, expected beside the file.

    Args:
        track: probabilities in [0, 1].
        provenance: of the predictions; kept as a property of the header.
        threshold: an expression is on at or above this probability; in (0, 1].

    Returns:
        The file's text, an EAF 3.0 document.

    Raises:
        ValueError: if the threshold is outside (0, 1].

    Source: EAF Annotation Format 3.0, Max Planck Institute for Psycholinguistics.
    """
    on = _on(track, threshold)
    document = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "evoked",
            "DATE": "1970-01-01T00:00:00+00:00",  # equal predictions give equal bytes
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
        },
    )
    header = ET.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if video := next((name for name in provenance.inputs if name != "model"), ""):
        media = {"MEDIA_URL": _line(video), "RELATIVE_MEDIA_URL": f"./{_line(video)}", "MIME_TYPE": "video/*"}
        ET.SubElement(header, "MEDIA_DESCRIPTOR", media)
    ET.SubElement(header, "PROPERTY", {"NAME": "evoked provenance"}).text = provenance.as_json()
    times = ET.SubElement(document, "TIME_ORDER")
    numbers, slots = count(1), dict[int, str]()
    tiers = []
    for k, name in enumerate(track.names):
        tier = ET.Element("TIER", {"TIER_ID": _line(name), "LINGUISTIC_TYPE_REF": "expression"})
        for first, end in zip(*map(np.ndarray.tolist, run_lengths(on[:, k])), strict=True):
            ends = [_slot(slots, round(track.grid.second(step) * 1000)) for step in (first, end)]
            spot = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION")
            spot.attrib |= {"ANNOTATION_ID": f"a{next(numbers)}", "TIME_SLOT_REF1": ends[0], "TIME_SLOT_REF2": ends[1]}
            mean = 100 * float(track.values[first:end, k].mean(dtype=np.float64))
            ET.SubElement(spot, "ANNOTATION_VALUE").text = f"{mean:.0f} %"
        tiers.append(tier)
    for milliseconds, slot in sorted(slots.items()):
        ET.SubElement(times, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(milliseconds)})
    document.extend(tiers)
    linguistic = {"LINGUISTIC_TYPE_ID": "expression", "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    ET.SubElement(document, "LINGUISTIC_TYPE", linguistic)
    ET.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(document, encoding="unicode") + "\n"


def clock(second: Fraction, point: str = ".") -> str:
    """A timestamp of WebVTT, HH:MM:SS.mmm; of SRT with a comma.

    Args:
        second: from 0.
        point: before the milliseconds.

    Returns:
        The text.
    """
    minutes, milliseconds = divmod(round(second * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def _on(track: Track, threshold: float) -> NDArray[np.bool_]:
    """(steps, names); never on where not valid."""
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, got {threshold}")
    return np.asarray(np.nan_to_num(track.values) >= threshold)


def _slot(slots: dict[int, str], milliseconds: int) -> str:
    """The time slot of an instant, made when it is first used."""
    return slots.setdefault(milliseconds, f"ts{len(slots) + 1}")


def _line(name: str) -> str:
    """A name on one line, without the control characters that neither subtitles nor XML can hold."""
    plain = (" " if unicodedata.category(character) in NO_TEXT else character for character in name)
    return " ".join("".join(plain).split())


def _escaped(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
