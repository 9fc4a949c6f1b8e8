"""Render a study's results as one self-contained HTML file; the same results give the same bytes."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evoked.core.files import write_text
from evoked.core.progress import Progress, silent
from evoked.core.study_layout import StudyLayout
from evoked.report.comparisons import comparisons, correlations, difference_verdict
from evoked.report.config import ReportConfig
from evoked.report.formats import FILTERS, expression_colours
from evoked.report.load_results import load_study
from evoked.report.majorities import highest_shares, without_majority
from evoked.report.page_data import PageData
from evoked.report.page_series import index_of, series_of, within_limit
from evoked.report.summary import between, gain, interval, points, summarise
from evoked.report.timelines import labels_per_second
from evoked.report.video import EmbeddedVideo, embed_video
from evoked.report.viewer_pictures import viewer_pictures

__all__ = ["asset", "default_place", "embedded", "environment", "kept_previews", "render", "write_page", "write_report"]

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("pens.js", "lanes.js", "page.js", "downloads.js")


def write_report(study: Path, config: ReportConfig, out: Path | None = None, progress: Progress = silent) -> Path:
    """Write the page of a study.

    Args:
        study: the study's folder; it must contain results/, complete or not.
        config: how videos are shown.
        out: the HTML file; default STUDY/results/report.html.
        progress: called with the number of previews that are done.

    Returns:
        The path of the page.

    Raises:
        StudyError: if there are no results.
        OutputError: if it cannot be written.
    """
    return write_page(load_study(study), out or default_place(study), config, kept_previews(study), progress)


def default_place(study: Path) -> Path:
    """The default path of a study's page."""
    return StudyLayout(study).report


def kept_previews(study: Path) -> Path:
    """The folder in which a study caches the previews of its contents."""
    return StudyLayout(study).previews


def write_page(
    data: PageData, out: Path, config: ReportConfig, keep: Path | None = None, progress: Progress = silent
) -> Path:
    """Write a page of data that is already loaded.

    Args:
        data: from `load_study` or `load_prediction`; `data.missing` is what the page cannot show.
        out: the HTML file.
        config: how videos are shown.
        keep: a folder in which previews are cached, or None for no cache.
        progress: called with the number of previews that are done.

    Returns:
        The path of the page.

    Raises:
        OutputError: if it cannot be written.
    """
    pictures = viewer_pictures(data.reactions, config.viewer_pictures)
    write_text(out, render(data, embed_video(data.contents, out, keep, config, progress), pictures))
    return out


def render(
    data: PageData, shown: Mapping[str, EmbeddedVideo], pictures: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The page as text.

    Every name in it is escaped. The page's content security policy allows its one script by digest, so that no other
    script runs even if one were injected.

    Args:
        data: of the page.
        shown: content name → how its video is shown.
        pictures: reaction name → base64 of a JPEG of its viewers; nothing unless it was asked for.

    Returns:
        The HTML.
    """
    script, data = _script(), within_limit(data)
    return (
        environment()
        .get_template("report.html")
        .render(
            data=data,
            shown=shown,
            pictures=pictures,
            per_second=labels_per_second(data.contents),
            no_majority=highest_shares(data.contents, without_majority(data.contents, data.expressions)),
            summary=summarise(data),
            between=between,
            interval=interval,
            points=points,
            gain=gain,
            colours=expression_colours(data.expressions),
            style=asset("page.css"),
            script=script,
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            index=embedded(index_of(data, shown)),
            series=[embedded(series_of(content, data.expressions)) for content in data.contents],
        )
    )


def embedded(value: object) -> Markup:
    """JSON that is safe inside a script element: nothing in it can end the element or begin another."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _script() -> str:
    """The page's one script: its parts share one function scope."""
    return '"use strict";\n(() => {\n' + "\n".join(asset(name) for name in SCRIPTS) + "})();\n"


def asset(name: str) -> str:
    """The text of a style or script of the pages."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Jinja with the pages' templates and filters; every name is escaped, an unknown one is an error."""
    jinja = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters.update(FILTERS)
    jinja.filters.update(comparisons=comparisons, correlations=correlations, difference_verdict=difference_verdict)
    return jinja
