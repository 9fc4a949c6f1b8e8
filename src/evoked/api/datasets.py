"""Datasets of many videos: import the released EEV, and export labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from evoked.api.arguments import File, as_path, or_silent, settings_of
from evoked.core.locks import locked
from evoked.core.progress import Progress
from evoked.dataset import manifest
from evoked.dataset.audit_dataset import DatasetAudit
from evoked.dataset.audit_dataset import audit_dataset as find_leaks
from evoked.dataset.build_dataset import BuiltDataset
from evoked.dataset.build_dataset import build_dataset as join_studies
from evoked.dataset.dataset_statistics import DatasetStatistics
from evoked.dataset.eev_bridge import BridgeConfig, export_labels
from evoked.dataset.eev_release import ImportConfig, export_release, import_release, release_files
from evoked.dataset.forget_video import Forgotten
from evoked.dataset.forget_video import forget_video as remove_video
from evoked.dataset.hub_export import export_hub
from evoked.dataset.manifest import MANIFEST, VideoEntry
from evoked.dataset.part_assignment import SplitConfig
from evoked.dataset.split_dataset import LABELS, DatasetSplit
from evoked.dataset.split_dataset import split_dataset as assign_and_write
from evoked.dataset.themes import ThemesFound
from evoked.dataset.themes import add_themes as read_and_add
from evoked.learning.evaluation.prediction_sets import export_submission
from evoked.report.dataset_exports import export_per_video, export_text_table
from evoked.report.dataset_report import describe_dataset, write_dataset_report

__all__ = [
    "add_themes",
    "audit_dataset",
    "build_dataset",
    "dataset_statistics",
    "export_dataset",
    "forget_video",
    "import_dataset",
    "read_manifest",
    "split_dataset",
]


ExportFormat = Literal["eev", "eev-v1", "labels", "challenge", "huggingface", "csv", "webvtt", "elan"]


def add_themes(dataset: File, *sources: File, again: bool = False) -> ThemesFound:
    """Write the themes of videos to the manifest of a dataset; nothing is fetched.

    Args:
        dataset: folder of the dataset.
        *sources: tables video,themes, .info.json files of yt-dlp, or saved answers of videos.list.
        again: give up the themes that are there; else new ones are added to them.

    Returns:
        How many videos have themes and how many entries changed.

    Raises:
        DatasetError: if a source cannot be read, or names no video of the dataset.
    """
    folder = as_path(dataset)
    with locked(folder, "evoked dataset themes"):
        return read_and_add(folder, [as_path(source) for source in sources], again=again)


def audit_dataset(
    dataset: File, videos: File | None = None, *, by_channel: bool = False, progress: Progress | None = None
) -> DatasetAudit:
    """Look for leaks in a dataset's split: the same video, or one with the same pictures, in two parts.

    Args:
        dataset: folder of the dataset.
        videos: folder with the video files; None: pictures are not compared.
        by_channel: whether a channel in two parts is a leak.
        progress: called with the videos that are done.

    Returns:
        The findings; `leaks` is the number of those across parts.

    Raises:
        DatasetError: if the dataset or the folder cannot be read.
    """
    folder = as_path(dataset)
    with locked(folder, "evoked dataset audit"):
        return find_leaks(
            folder, None if videos is None else as_path(videos), by_channel=by_channel, progress=or_silent(progress)
        )


def build_dataset(studies: Sequence[File], output: File, *, progress: Progress | None = None) -> BuiltDataset:
    """Join the results of studies into one dataset: labels, features and a manifest.

    Args:
        studies: their folders, after `run`.
        output: folder of the dataset.
        progress: called with the contents that are done.

    Returns:
        Entries of the manifest, labels, and notes on contents that are gone or cut off.

    Raises:
        DatasetError: if a study has no labels, or studies cannot be joined.
    """
    folder = as_path(output)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "evoked dataset build"):
        return join_studies([as_path(study) for study in studies], folder, or_silent(progress))


def import_dataset(
    release: File, output: File, *, progress: Progress | None = None, **settings: object
) -> dict[str, VideoEntry]:
    """Read the released EEV into a dataset folder; a part that is there already is kept.

    Args:
        release: folder of train.csv, val.csv and test.csv (also packed by gzip or zip), or one of these files.
        output: folder of the dataset.
        progress: called with the share of the work that is done.
        **settings: `expressions`, `time_unit`.

    Returns:
        Video → its entry in the manifest.

    Raises:
        DatasetError: naming the file and the row that cannot be used.
        TypeError, ValueError: for a setting that does not exist, or a value that is not accepted.
    """
    (config,) = settings_of("import_dataset", settings, ImportConfig)
    folder = as_path(output)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "evoked dataset import"):
        return import_release(release_files([as_path(release)]), folder, config, or_silent(progress))


def export_dataset(
    dataset: File,
    output: File,
    *,
    format: ExportFormat = "eev-v1",
    labels: File | None = None,
    predictions: File | None = None,
    part: Literal["train", "validate", "test"] = "test",
    progress: Progress | None = None,
    **settings: object,
) -> list[Path]:
    """Write a dataset in another form.

    Args:
        dataset: folder of the dataset.
        output: a table (.parquet, .csv or .json), or for eev, huggingface, webvtt and elan a folder.
        format: eev: the released CSV files; eev-v1: the paper's five expressions at 1 Hz, 0 or 1; labels: all scores
            at 1 Hz; challenge: predictions as a submission to the EEV challenge; huggingface: Parquet, a card and a
            Croissant description; csv: labels and a codebook; webvtt, elan: a file per video.
        labels: for huggingface, csv, webvtt and elan: labels at 1 Hz, if not in the dataset.
        predictions: for challenge: folder with a table of predictions per video.
        part: for challenge: rows of this part.
        progress: called with the share of the work that is done.
        **settings: `expressions`, `threshold`, `thresholds`, `quorum`.

    Returns:
        The files.

    Raises:
        DatasetError: if the dataset cannot be read.
        TypeError, ValueError: for a setting that does not exist, or a value that is not accepted.
    """
    (config,) = settings_of("export_dataset", settings, BridgeConfig)
    if format == "eev":
        return list(export_release(as_path(dataset), as_path(output), or_silent(progress)).values())
    if format == "challenge":
        if predictions is None:
            raise ValueError("the format challenge needs predictions")
        export_submission(as_path(dataset), part, as_path(predictions), as_path(output))
        return [as_path(output)]
    table = as_path(dataset) / LABELS if labels is None else as_path(labels)
    if format == "huggingface":
        return export_hub(as_path(dataset), table, as_path(output))
    if format == "csv":
        return export_text_table(table, as_path(output))
    if format in ("webvtt", "elan"):
        suffix = ".vtt" if format == "webvtt" else ".eaf"
        return export_per_video(
            table, as_path(output), suffix, threshold=config.threshold, progress=or_silent(progress)
        )
    if format not in ("eev-v1", "labels"):
        raise ValueError(f"format must be one of {', '.join(get_args(ExportFormat))}, got {format!r}")
    export_labels(as_path(dataset), as_path(output), config, soft=format == "labels", progress=or_silent(progress))
    return [as_path(output)]


def forget_video(dataset: File, video: str) -> Forgotten:
    """Remove a video from a dataset: labels, frames, features, hashes, its row in the manifest.

    Args:
        dataset: folder of the dataset.
        video: its name in the manifest.

    Returns:
        What was removed, and the files that still name it (exports, cards, models that learnt from it).

    Raises:
        DatasetError: if the dataset has no such video.
    """
    folder = as_path(dataset)
    with locked(folder, "evoked dataset forget"):
        return remove_video(folder, video)


def split_dataset(
    dataset: File,
    *,
    labels: File | None = None,
    groups: File | None = None,
    by_channel: bool = False,
    again: bool = False,
    **settings: object,
) -> DatasetSplit:
    """Assign each video of a dataset to train, validate or test, and write it to the manifest.

    Args:
        dataset: folder of the dataset.
        labels: table of labels, to stratify and to compare the parts.
        groups: table video,group: a group is in one part.
        by_channel: a channel of the manifest is in one part.
        again: split all videos anew, also those that have a part.
        **settings: `train_percent`, `validate_percent`, `strategy`, `split_seed`.

    Returns:
        Entries of the manifest, videos in each part, and how alike the parts are.

    Raises:
        DatasetError: if the dataset cannot be split so.
        TypeError, ValueError: for a setting that does not exist, or a value that is not accepted.
    """
    (config,) = settings_of("split_dataset", settings, SplitConfig)
    folder = as_path(dataset)
    with locked(folder, "evoked dataset split"):
        return assign_and_write(
            folder,
            config,
            labels=None if labels is None else as_path(labels),
            groups=None if groups is None else as_path(groups),
            by_channel=by_channel,
            again=again,
        )


def dataset_statistics(
    labels: File,
    manifest: File | None = None,
    *,
    output: File | None = None,
    pairs: File | None = None,
    label_threshold: float = 0.5,
) -> DatasetStatistics:
    """Describe a dataset: shares of expressions, labels per second, co-occurrence, lengths, parts, themes.

    Args:
        labels: table of labels at 1 Hz, or a folder with labels.parquet.
        manifest: of the dataset, or its folder, for parts and themes.
        output: folder for tables, figures (needs the extra `plot`) and a page; None: nothing is written.
        pairs: table reaction,content, for the reactions per video.
        label_threshold: soft labels are on from here.

    Returns:
        The statistics.

    Raises:
        DatasetError: if a table cannot be read.
    """
    table, listed = as_path(labels), None if manifest is None else as_path(manifest)
    table = table / LABELS if table.is_dir() else table
    listed = listed / MANIFEST if listed is not None and listed.is_dir() else listed
    paired = None if pairs is None else as_path(pairs)
    statistics, provenance = describe_dataset(table, listed, paired, label_threshold)
    if output is not None:
        write_dataset_report(as_path(output), statistics, provenance)
    return statistics


def read_manifest(path: File) -> dict[str, VideoEntry]:
    """Read the manifest of a dataset.

    Args:
        path: folder of the dataset, or the table.

    Returns:
        Video → its entry: part, state, where it comes from, number of frames.

    Raises:
        DatasetError: if it cannot be read.
    """
    return manifest.read_manifest(as_path(path))
