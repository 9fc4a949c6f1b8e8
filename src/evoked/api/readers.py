"""Read the files that evoked writes; paths may be text."""

from collections.abc import Sequence

from evoked.api.arguments import File, as_path, names_of
from evoked.core.errors import DatasetError
from evoked.core.tables import read_table
from evoked.core.track import Track
from evoked.dataset import labels as label_tables
from evoked.dataset import ratings as rating_tables
from evoked.dataset.labels import Labels
from evoked.dataset.ratings import Ratings
from evoked.features import files as feature_files
from evoked.features.extract import Features
from evoked.learning.evaluation import scores as score_files
from evoked.learning.evaluation.scores import Scores
from evoked.prediction import writers as prediction_tables
from evoked.reactions.alignment import offset_map
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.reactions.viewers.annotation_table import table_to_tracks
from evoked.reactions.viewers.measures import MEASURE_COLUMNS

__all__ = [
    "read_annotation",
    "read_features",
    "read_labels",
    "read_offsets",
    "read_predictions",
    "read_ratings",
    "read_scores",
]


def read_annotation(path: File) -> dict[str, Track]:
    """Read the viewers' scores of a reaction, as `evoked annotate` and `evoked run` write them.

    Args:
        path: .parquet, .csv or .json.

    Returns:
        Viewer → scores at 6 Hz on the reaction's time; without action units and other measures of the table.

    Raises:
        DatasetError: if it cannot be read or is no such table.
    """
    table = read_table(as_path(path), required=("viewer", "time_s", "valid"))
    names = tuple(name for name in table if name not in ("viewer", "time_s", "valid", *MEASURE_COLUMNS))
    try:
        return table_to_tracks(table, names)
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{path} is no annotation of a reaction: {error}. Make it again: evoked annotate") from error


def read_labels(path: File) -> dict[str, Labels]:
    """Read a table of labels.

    Args:
        path: labels.parquet of a study, or such a CSV.

    Returns:
        Content → its labels: Tracks `labels` and `share` at 1 Hz.

    Raises:
        DatasetError: if it cannot be read; the first invalid row is named.
    """
    return label_tables.read_labels(as_path(path))


def read_predictions(path: File) -> Track:
    """Read the prediction of one video.

    Args:
        path: .parquet, .csv or .json.

    Returns:
        Probabilities at 1 Hz.

    Raises:
        DatasetError: if it cannot be read or is no such table.
    """
    return prediction_tables.read_predictions(as_path(path))


def read_features(path: File) -> Features:
    """Read the features of one video.

    Args:
        path: the .safetensors file.

    Returns:
        Tracks `image`, `face` and `audio` at 1 Hz.

    Raises:
        DatasetError: if it cannot be read, or is damaged.
    """
    return feature_files.read_features(as_path(path))


def read_offsets(path: File) -> OffsetMap:
    """Read the offset map of a reaction.

    Args:
        path: the JSON file that `evoked align` or `evoked run` wrote.

    Returns:
        The map from content time to reaction time.

    Raises:
        AlignmentError: if it cannot be read or is no offset map.
    """
    return offset_map.read_offsets(as_path(path))


def read_ratings(path: File, *, expressions: Sequence[str] = (), groups: Sequence[str] = ()) -> Ratings:
    """Read a table of human ratings, a row per clip and rater (docs/agreement.md).

    Args:
        path: the table, or the JSON that Label Studio exports.
        expressions: columns that are expressions, besides the fifteen of EEV.
        groups: columns that group people, besides person, ethnicity, gender and age.

    Returns:
        The marks of all raters.

    Raises:
        DatasetError: if it cannot be read; the first invalid row is named.
    """
    names, groupings = names_of("expressions", expressions), names_of("groups", groups)
    return rating_tables.read_ratings(as_path(path), expressions=names, groups=groupings)


def read_scores(path: File) -> Scores:
    """Read the scores of an evaluation.

    Args:
        path: scores.json, as `evoked evaluate` and `evoked run` write it.

    Returns:
        Average precision per expression, its chance level and interval, and the means.

    Raises:
        DatasetError: if it cannot be read or does not hold scores.
    """
    return score_files.read_scores(as_path(path))
