"""The card of a dataset (README.md) and its Croissant description, both made from its files.

What cannot be computed is left as a marked blank: who may use it, what the viewers agreed to (`open_blanks`).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from evoked.core.files import sha256
from evoked.dataset.dataset_statistics import DatasetStatistics
from evoked.dataset.manifest import VideoEntry, count_parts

__all__ = ["BLANK", "card_text", "croissant", "open_blanks"]

BLANK = "[TO FILL IN]"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
MEDIA_TYPE = "application/x-parquet"
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
ETHICS = (
    "Labels say what faces showed, never what people felt. They come from a recogniser and a vote, whose errors differ "
    "between expressions and may differ between groups of people."
)


def card_text(
    name: str,
    statistics: DatasetStatistics,
    entries: Mapping[str, VideoEntry],
    files: Mapping[str, Sequence[str]],
    notes: Sequence[str] = (),
) -> str:
    """The card, as dataset hubs read it: YAML, then Markdown.

    Args:
        name: of the dataset.
        statistics: of the dataset.
        entries: its manifest.
        files: part → its Parquet files, relative to the card.
        notes: caveats of the labels.

    Returns:
        The text of README.md; what only people can say is BLANK.
    """
    lines = [*_front_matter(files, statistics.valid_seconds), "", f"# {name}", "", *_composition(statistics, entries)]
    lines += ["", "## Collection", "", *_collection(entries)]
    lines += ["", "## Annotation", ""]
    lines += [
        "One row per second of a video. `valid` false: no label (too few visible faces); its expressions are empty, "
        "never 0.",
        "Expressions are 0 or 1 by majority vote over viewers' faces, or scores in [0, 1].",
    ]
    lines += ["", "## Known limits", ""]
    lines += [f"- {note}" for note in notes] or ["- none recorded"]
    lines += [
        "",
        "## Ethics and privacy",
        "",
        ETHICS,
        "",
        "No video, picture or sound is part of this dataset: videos are named, with their addresses where known.",
        "",
        f"What the viewers agreed to: {BLANK}",
        "",
        f"Who may use it, and for what not: {BLANK}",
    ]
    licences = sorted({entry.licence for entry in entries.values() if entry.licence})
    lines += ["", "## Licence", "", *(licences or [BLANK]), "", f"Contact: {BLANK}", ""]
    return "\n".join(lines)


def open_blanks(text: str) -> list[str]:
    """The lines of a card that still hold a blank."""
    return [line for line in text.splitlines() if BLANK in line]


def _front_matter(files: Mapping[str, Sequence[str]], seconds: int) -> list[str]:
    size = next((label for limit, label in SIZES if seconds < limit), "n>10M")
    lines = ["---", "task_categories:", "- video-classification", "tags:", "- evoked-expressions"]
    lines += ["size_categories:", f"- {size}", "configs:", "- config_name: default", "  data_files:"]
    for part, paths in files.items():
        lines += [f"  - split: {_SPLITS[part]}", "    path:", *(f"    - {path}" for path in paths)]
    return [*lines, "---"]


_SPLITS = {"train": "train", "validate": "validation", "test": "test", "all": "train"}
"""Part → name of the split on hubs; a dataset without parts is one split."""


def _composition(statistics: DatasetStatistics, entries: Mapping[str, VideoEntry]) -> list[str]:
    parts = ", ".join(f"{part} {count}" for part, count in count_parts(entries).items()) or "no split"
    share = 100 * statistics.valid_seconds / statistics.seconds if statistics.seconds else 0.0
    hours = statistics.lengths.total / 3600
    lines = [
        f"{statistics.videos} labelled videos of {len(entries)} ({parts}), "
        f"{hours:.1f} hours, {statistics.seconds} seconds, {share:.1f} % of them labelled.",
        "",
        "| expression | seconds | share, % |",
        "|---|---|---|",
    ]
    for name in statistics.expressions:
        value = statistics.shares[name]
        lines.append(f"| {name} | {statistics.positives[name]} | {'' if value is None else f'{100 * value:.2f}'} |")
    return lines


def _collection(entries: Mapping[str, VideoEntry]) -> list[str]:
    states = {state: sum(e.state == state for e in entries.values()) for state in {e.state for e in entries.values()}}
    makers = sorted({entry.made_by for entry in entries.values() if entry.made_by})
    reactions = sum(entry.reactions or 0 for entry in entries.values())
    counted = ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
    lines = [f"Labels made by: {', '.join(makers) or BLANK}.", f"State of the videos when this was written: {counted}."]
    if reactions:
        lines.append(f"{reactions} recordings of people who watched, {reactions / len(entries):.2f} per video.")
    return [*lines, f"How the videos were chosen: {BLANK}"]


def croissant(
    name: str,
    description: str,
    folder: Path,
    files: Mapping[str, Sequence[str]],
    columns: Mapping[str, str],
    licence: str,
) -> dict[str, object]:
    """The Croissant 1.1 description of the exported files, as JSON-LD.

    Args:
        name: of the dataset.
        description: a sentence.
        folder: of the files, which are there.
        files: part → its Parquet files, relative to the folder.
        columns: column → type of Parquet: "text", "integer", "float" or "boolean".
        licence: in words, or an address.

    Returns:
        Plain JSON values.
    """
    types = {"text": "sc:Text", "integer": "sc:Integer", "float": "sc:Float", "boolean": "sc:Boolean"}
    objects, records = [], []
    for part, paths in files.items():
        for path in paths:
            identity = re.sub(r"[^\w.-]", "_", path)
            objects.append(
                {
                    "@type": "cr:FileObject",
                    "@id": identity,
                    "name": identity,
                    "contentUrl": path,
                    "encodingFormat": MEDIA_TYPE,
                    "sha256": sha256(folder / path),
                }
            )
            fields = [
                {
                    "@type": "cr:Field",
                    "@id": f"{part}/{column}",
                    "name": f"{part}/{column}",
                    "dataType": types[kind],
                    "source": {"fileObject": {"@id": identity}, "extract": {"column": column}},
                }
                for column, kind in columns.items()
            ]
            records.append({"@type": "cr:RecordSet", "@id": part, "name": part, "field": fields})
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": description,
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "license": licence,
        "rai:dataLimitation": ETHICS,
        "distribution": objects,
        "recordSet": records,
    }
