"""evoked annotate: the viewers of reaction videos and what they express."""

from pathlib import Path
from typing import Any

import click

from evoked.cli.annotate_batch import AnnotateBatch, AnnotateRequest, AnnotateSettings
from evoked.cli.annotate_previews import Previews
from evoked.cli.failures import Failures
from evoked.cli.options import NO_RENAMES, config_from_options, config_options
from evoked.core.errors import OutputError
from evoked.core.files import check_writable
from evoked.core.settings import describe
from evoked.core.tables import SUFFIXES, check_suffix
from evoked.faces.detect import DetectConfig
from evoked.media.probe import no_video_error, probe
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.labelling.majority_vote import VoteConfig
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.study.settings import read_settings_file

__all__ = ["RENAMED", "SECTIONS", "File", "annotate"]

File = click.Path(path_type=Path)
SECTIONS: dict[str, type] = {
    "align": MatchConfig,
    "window": ContentRegionConfig,
    "detect": DetectConfig,
    "annotate": AnnotateConfig,
    "votes": VoteConfig,
}
RENAMED = {"align": {"min_score": "align_min_score"}, "window": {"min_score": "region_min_score"}}
"""Section → field → its option: `--min-score` is the face detector's."""


@click.command()
@click.argument("reactions", nargs=-1, required=True, type=File)
@click.option("--content", type=File, help="the video that was watched: its own faces are left out")
@click.option("-o", "--output", type=File, help=f"file ({', '.join(SUFFIXES)}), or a folder for several reactions")
@click.option("--labels", is_flag=True, help="write the votes of all viewers, once a second of the content's time")
@click.option("--apart", is_flag=True, help="with --labels: each viewer's own majority, a row per viewer and second")
@click.option(
    "--preview", type=File, help="also write the video with boxes, names and scores drawn in (.mp4; or a folder)"
)
@click.option("--blur", type=File, help="the same with every face blurred that was found, the film's own too")
@click.option("--offline", is_flag=True, help="use only nets that the cache holds")
@click.option("--json", "as_json", is_flag=True, help="print JSON: a row per reaction, and the file of labels")
@click.option("--config", "config_path", type=File, help="a study.toml whose settings hold; what is typed goes first")
@config_options(DetectConfig)
@config_options(AnnotateConfig)
@config_options(VoteConfig)
@config_options(MatchConfig, RENAMED["align"])
@config_options(ContentRegionConfig, RENAMED["window"])
@click.pass_context
def annotate(
    ctx: click.Context, /, reactions: tuple[Path, ...], content: Path | None, output: Path | None, **words: Any
) -> None:
    """Find the viewers in REACTIONS and score their expressions at 6 Hz.

    Writes a row per viewer and tick: viewer, time_s, valid, and the expressions in [0, 1]. Without -o a
    summary goes to stdout. Look at a blurred video before you give it away: a face that was not found is not
    blurred. A video that cannot be used is reported and the others go on; exit code 1.
    """
    settings = _settings(ctx, words)
    if words["apart"] and not words["labels"]:
        raise click.UsageError("--apart goes with --labels")
    reactions = tuple(dict.fromkeys(reactions))
    batch = AnnotateBatch(
        AnnotateRequest(content, output, words["labels"], words["apart"], words["as_json"], words["offline"]),
        settings,
        _places(reactions, output, words["labels"]),
        Previews.planned(reactions, content, {"--preview": words["preview"], "--blur": words["blur"]}),
        Failures(len(reactions), "reactions", "annotated"),
    )
    if content is not None and probe(content).picture is None:
        raise no_video_error(content)
    for reaction in reactions:
        batch.add(reaction)
    batch.end()


def _settings(ctx: click.Context, words: dict[str, Any]) -> AnnotateSettings:
    """The settings of --config, if one is given, and what was typed before them; StudyError if it holds a mistake."""
    path: Path | None = words.pop("config_path")
    given = read_settings_file(path) if path else None
    if given is not None:
        for section, kind in SECTIONS.items():
            for field in describe(kind):
                option = RENAMED.get(section, NO_RENAMES).get(field.name, field.name)
                if not _is_typed(ctx, option):
                    words[option] = getattr(getattr(given, section), field.name)
    configs: dict[str, Any] = {
        name: config_from_options(kind, words, RENAMED.get(name, NO_RENAMES)) for name, kind in SECTIONS.items()
    }
    if path is None or given is None:
        return AnnotateSettings(**configs)
    root = None if _is_typed(ctx, "recogniser") else path.parent
    return AnnotateSettings(**configs, expressions=given.about.expressions, root=root, notes=given.notes)


def _is_typed(ctx: click.Context, option: str) -> bool:
    source = ctx.get_parameter_source(option)
    return source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")


def _places(reactions: tuple[Path, ...], output: Path | None, labels: bool) -> dict[Path, Path]:
    """Where each reaction's table goes; that it can be written is tried before the work."""
    names = [r.name for r in reactions]
    if twice := {n for n in names if names.count(n) > 1}:
        raise OutputError(f"two reactions are called {min(twice)}: rename one, or annotate them apart")
    if labels and output is None:
        raise click.UsageError("--labels needs -o FILE")
    if output is None:
        return {}
    if labels or (len(reactions) == 1 and not output.is_dir()):
        check_suffix(output)
        check_writable(output)
        return {} if labels else {reactions[0]: output}
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        raise click.UsageError(f"{len(reactions)} reactions need a folder, not the file {output.name}")
    places = {r: output / f"{r.name}.parquet" for r in reactions}
    for place in places.values():
        check_writable(place)
    return places
