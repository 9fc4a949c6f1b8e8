"""evoked annotate: the viewers of reaction videos and their expressions."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from evoked.cli.annotate_batch import AnnotateBatch, AnnotateRequest, AnnotateSettings
from evoked.cli.annotate_previews import Previews
from evoked.cli.dry_run import print_plan, tell_networks
from evoked.cli.failures import Failures
from evoked.cli.options import NO_RENAMES, config_from_options, config_options, offset_options
from evoked.cli.outputs import check_folder, claim, digests_of, dry_run_option, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.core.errors import OutputError
from evoked.core.names import derived_name
from evoked.core.settings import describe
from evoked.core.tables import SUFFIXES, check_suffix
from evoked.faces.detect import DetectConfig
from evoked.media.probe import no_video_error, probe
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.known_offset import known_offsets_of_files
from evoked.reactions.alignment.offset_map import OffsetMap, read_offsets
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.labelling.majority_vote import VoteConfig
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.study.settings import read_settings_file
from evoked.weights.cache import default_cache

__all__ = ["RENAMED", "SECTIONS", "File", "annotate"]

File = InputPath()
SECTIONS: dict[str, type] = {
    "align": MatchConfig,
    "window": ContentRegionConfig,
    "detect": DetectConfig,
    "annotate": AnnotateConfig,
    "votes": VoteConfig,
}
RENAMED = {"align": {"min_score": "align_min_score"}, "window": {"min_score": "region_min_score"}}
"""Section → field → its option; `--min-score` is that of the face detector."""


@click.command()
@click.argument("reactions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--content", type=File, help="the video that was watched: faces in it are left out")
@offset_options
@click.option("--alignment", type=File, help="the JSON file of evoked align for this reaction; nothing is searched")
@click.option(
    "-o", "--output", type=OutputPath(), help=f"file ({', '.join(SUFFIXES)}), or a folder for several reactions"
)
@click.option("--labels", is_flag=True, help="write the majority vote of all viewers, a row per second of the content")
@click.option(
    "--apart", is_flag=True, help="with --labels: the majority vote of each viewer, a row per viewer and second"
)
@click.option(
    "--preview",
    type=OutputPath(),
    help="also write the video with boxes, names and scores (.mp4, .mov, .mkv or a folder)",
)
@click.option("--blur", type=OutputPath(), help="the same with every detected face blurred, also those in the content")
@click.option("--offline", is_flag=True, help="use only networks that are in the cache")
@click.option("--json", "as_json", is_flag=True, help="print JSON: a row per reaction, and the file of labels")
@click.option("--config", "config_path", type=File, help="a study.toml with settings; options given here override it")
@force_option
@dry_run_option
@config_options(DetectConfig)
@config_options(AnnotateConfig)
@config_options(VoteConfig)
@config_options(MatchConfig, RENAMED["align"])
@config_options(ContentRegionConfig, RENAMED["window"])
@click.pass_context
def annotate(
    ctx: click.Context, /, reactions: tuple[Path, ...], content: Path | None, output: Path | None, **options: Any
) -> None:
    """Find the viewers in REACTIONS and score their expressions at 6 Hz.

    Writes a row per viewer and frame (6 Hz): viewer, time_s, valid, and the expressions in [0, 1]. Without -o a
    summary is printed on stdout. Check a blurred video before you share it: a face that was not detected is not
    blurred. A video that cannot be used is reported and the others are processed; the exit code is then 1.
    \f

    Args:
        ctx: of the command; tells which options were given.
        reactions, content, output: the arguments and options of these names.
        **options: the other options, and the fields of the configs in SECTIONS.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if a video, a network or the output cannot be used.
    """
    settings = _settings(ctx, options)
    if options["apart"] and not options["labels"]:
        raise click.UsageError("--apart goes with --labels")
    _refuse_unused(ctx, content, options["labels"])
    reactions = tuple(dict.fromkeys(reactions))
    known = _known_offsets(reactions, content, options)
    if options["labels"] and output is not None and output.is_dir():
        output /= "labels.parquet"
    batch = AnnotateBatch(
        AnnotateRequest(
            content, output, options["labels"], options["apart"], options["as_json"], options["offline"], known
        ),
        settings,
        _tables(reactions, output, options["labels"], content),
        Previews.planned(reactions, content, {"--preview": options["preview"], "--blur": options["blur"]}),
        Failures(len(reactions), "reactions", "annotated"),
    )
    if content is not None and probe(content).picture is None:
        raise no_video_error(content)
    if options["dry_run"]:
        tell_networks(default_cache(offline=options["offline"]), batch.networks)
        print_plan({reaction: batch.files(reaction) for reaction in reactions}, "annotated", options["as_json"])
        return
    for reaction in reactions:
        batch.add(reaction)
    batch.end()


def _settings(ctx: click.Context, options: dict[str, Any]) -> AnnotateSettings:
    """Settings of the options, else of --config; StudyError if that file cannot be used."""
    path: Path | None = options.pop("config_path")
    study = read_settings_file(path) if path else None
    if study is not None:
        for section, config in SECTIONS.items():
            for field in describe(config):
                option = RENAMED.get(section, NO_RENAMES).get(field.name, field.name)
                if not _is_given(ctx, option):
                    options[option] = getattr(getattr(study, section), field.name)
    configs: dict[str, Any] = {
        name: config_from_options(config, options, RENAMED.get(name, NO_RENAMES)) for name, config in SECTIONS.items()
    }
    if path is None or study is None:
        return AnnotateSettings(**configs)
    root = None if _is_given(ctx, "recogniser") else path.parent
    return AnnotateSettings(**configs, expressions=study.about.expressions, root=root, notes=study.notes)


def _known_offsets(reactions: tuple[Path, ...], content: Path | None, options: dict[str, Any]) -> OffsetMap | None:
    """The map that --alignment or --offset-s give; None without them."""
    offset_s, rate, alignment = (options.pop(name) for name in ("offset_s", "rate", "alignment"))
    if rate is not None and offset_s is None:
        raise click.UsageError("--rate goes with --offset-s")
    if offset_s is None and alignment is None:
        return None
    option = "--offset-s" if alignment is None else "--alignment"
    if offset_s is not None and alignment is not None:
        raise click.UsageError("give either --offset-s or --alignment")
    if content is None:
        raise click.UsageError(f"{option} goes with --content")
    if len(reactions) > 1:
        raise click.UsageError(f"{option} is of one reaction; for several, annotate them one by one, or make a study")
    return (
        read_offsets(alignment)
        if alignment
        else known_offsets_of_files(reactions[0], content, offset_s, 1.0 if rate is None else rate)
    )


def _refuse_unused(ctx: click.Context, content: Path | None, labels: bool) -> None:
    """click.UsageError for a setting on the command line of a step that is not done; a study.toml may hold it."""
    for section, needs, is_there in (
        ("align", "--content", content is not None),
        ("window", "--content", content is not None),
        ("votes", "--labels", labels),
    ):
        for field in describe(SECTIONS[section]):
            option = RENAMED.get(section, NO_RENAMES).get(field.name, field.name)
            if not is_there and _is_given(ctx, option):
                raise click.UsageError(f"--{option.replace('_', '-')} goes with {needs}")


def _is_given(ctx: click.Context, option: str) -> bool:
    source = ctx.get_parameter_source(option)
    return source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")


def _tables(reactions: tuple[Path, ...], output: Path | None, labels: bool, content: Path | None) -> dict[Path, Path]:
    """The file of each reaction's table, checked to be writable."""
    names = [r.name for r in reactions]
    if repeated := {n for n in names if names.count(n) > 1}:
        raise OutputError(f"two reactions are called {min(repeated)}: rename one, or annotate them one by one")
    if labels and output is None:
        raise click.UsageError("--labels needs -o FILE")
    if output is None:
        return {}
    videos = (*reactions, *([content] if content else []))
    if labels or (len(reactions) == 1 and output.suffix and not output.is_dir()):
        check_suffix(output)
        claim(output, "annotate", partial(digests_of, *videos), videos)
        return {} if labels else {reactions[0]: output}
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        raise click.UsageError(f"{len(reactions)} reactions need a folder, not the file {output.name}")
    check_folder(output)
    tables = {r: output / derived_name(r.name, ".parquet") for r in reactions}
    for reaction, path in tables.items():
        claim(path, "annotate", partial(digests_of, reaction, content), videos)
    return tables
