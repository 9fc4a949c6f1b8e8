"""Human labels of a study: what was rated, on the time of the contents."""

from math import ceil
from pathlib import Path

import sqlalchemy as sa

from evoked.apps.rating.export import read_store_ratings
from evoked.core.errors import AlignmentError, StudyError
from evoked.core.files import sha256
from evoked.core.provenance import Provenance
from evoked.core.study_layout import MEDIA, StudyLayout
from evoked.dataset.human_labels import human_labels
from evoked.dataset.labels import write_labels
from evoked.dataset.pairs import read_pairs
from evoked.media.probe import probe
from evoked.reactions.alignment.offset_map import read_offsets

__all__ = ["export_labels"]


def export_labels(connection: sa.Connection, study: Path, output: Path) -> tuple[str, ...]:
    """Write the labels that people gave, in the columns of labels.parquet.

    Args:
        connection: any, of the study's store.
        study: folder of the study, with its offset maps.
        output: .parquet, .csv or .json.

    Returns:
        Notes on ratings that could not be placed.

    Raises:
        StudyError: if nothing was rated, or no rated clip lies where a content is shown.
        DatasetError, MediaError, OutputError: if a file cannot be read or written.
    """
    ratings = read_store_ratings(connection)
    if ratings is None:
        raise StudyError(f"nothing was rated in {study} so far: evoked rate status {study}")
    layout = StudyLayout(study)
    names = {
        folder: [p.name for p in sorted(folder.glob("*")) if p.suffix.lower() in MEDIA]
        for folder in (layout.reactions_folder, layout.contents_folder)
    }
    pairs = read_pairs(layout.pairs, names[layout.reactions_folder], names[layout.contents_folder]).pairs
    offsets, digests = {}, {}
    for pair in pairs:
        path = layout.alignment(pair.reaction)
        try:
            offsets[pair.reaction] = (pair.content, read_offsets(path))
        except AlignmentError:
            continue  # told below, where one of its clips was rated
        digests[path.name] = sha256(path)
    contents = sorted({content for content, _ in offsets.values()})
    seconds = {name: ceil(probe(layout.content(name)).duration_s) for name in contents}
    labels, notes = human_labels(ratings, offsets, seconds)
    if not labels:
        raise StudyError(f"no rated clip of {study} lies where a content is shown: {'; '.join(notes)}")
    config = {"labels": "human", "raters": len(ratings.raters), "clips": len(ratings.clips)}
    about = (f"labels by {len(ratings.raters)} people who rated {len(ratings.clips)} clips, not by a machine", *notes)
    write_labels(output, labels, Provenance("rate export", config, digests, notes=about))
    return notes
