"""The page of machine against people: complete, the same bytes, nothing from outside, and drawn to scale."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evoked.agreement.results import Agreement, AgreementGroup, AgreementRow, Estimate
from evoked.core.provenance import Provenance
from evoked.report.agreement import AxisScale, render_agreement, write_agreement_page

NOTHING = Estimate(None)
MADE = Provenance("agree", {"merge": "majority"}, {"<ratings>.csv": "00ff"})


def row(name: str, r: Estimate, **more: object) -> AgreementRow:
    known: dict = {
        "clips": 40, "positives": 12.0, "chance": 0.3, "on": 10, "threshold": 0.625, "held_out": (0.6, 0.65),
        "precision": Estimate(0.75, 0.5, 0.9), "recall": Estimate(0.4, 0.25, 0.6), "correlation": r,
        "rater": Estimate(0.5, 0.4, 0.6), "machine": r, "fleiss": Estimate(0.41, 0.3, 0.5), "krippendorff": NOTHING,
        "cohen": NOTHING, "pairs": 0,
    }  # fmt: skip
    return AgreementRow(name, **(known | more))


def agreement(**more: object) -> Agreement:
    rows = (row("amusement", Estimate(0.5, 0.2, 0.7)), row("awe", NOTHING, precision=NOTHING, recall=NOTHING))
    groups = (
        AgreementGroup("gender", "<man>", 20, 4, (Estimate(-0.1, -0.3, 0.2), NOTHING), Estimate(-0.1, -0.3, 0.2)),
    )
    known: dict = {
        "expressions": ("amusement", "awe"), "rows": rows, "mean": row("mean", Estimate(0.5, 0.2, 0.7), threshold=None),
        "groups": groups, "kind": "clips", "merge": "majority", "by": "video", "units": 8, "clips": 40, "rated": 44,
        "raters": 3, "each_clip": (2, 3), "given": False, "target": 0.73, "level": 0.95, "notes": ("a <b> note",),
    }  # fmt: skip
    return Agreement(**(known | more))


class Tags(HTMLParser):
    """Every tag is closed; what is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        self.loads += [str(v) for k, v in attrs if k in ("src", "href") and v and not v.startswith(("#", "data:"))]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing(tmp_path: Path) -> None:
    write_agreement_page(tmp_path / "a.html", agreement(), MADE)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page == render_agreement(agreement(), MADE)
    tags = Tags()
    tags.feed(page)
    assert (tags.open, tags.loads) == ([], [])
    assert "<script" not in page
    assert "a &lt;b&gt; note" in page
    assert "&lt;man&gt;" in page
    assert "&lt;ratings&gt;.csv" in page
    for text in ("75.0\u00a0%", "50.0\u00a0% to 90.0\u00a0%", "undefined", "−0.10", "0.62", "Chance is 0", "no unit"):
        assert text in page
    assert "nan" not in page.lower().replace("provenance", "")
    assert "None" not in page


def test_marks_stand_where_the_numbers_say() -> None:
    page = render_agreement(agreement(), MADE)
    groups = page[page.index("By group") :]
    # the axis goes from -0.4 to 0.2: -0.1 is half way, the interval from 1/6 to the end
    assert 'class="dot" style="left: 50.000%"' in groups
    assert 'class="bar" style="left: 16.667%; right: calc(100% - 100.000%)"' in groups
    ticks = re.findall(r'class="tick" style="left: ([\d.]+)%"><em>([^<]+)</em>', groups)
    assert ticks == [("0.000", "−0.4"), ("33.333", "−0.2"), ("66.667", "0.0"), ("100.000", "0.2")]
    beside = page[page.index("Compared with a single rater") : page.index("By group")]
    assert 'class="chance" style="left: 62.500%"' in beside  # 0.5 on an axis to 0.8


@pytest.mark.parametrize(
    ("more", "there", "gone"),
    [
        ({"groups": ()}, "Compared with a single rater", "By group"),
        ({"raters": 1}, "By group", "Agreement between raters"),
        ({"given": True}, "At the given thresholds", "At thresholds that reach"),
    ],
)
def test_what_is_not_known_is_not_drawn(more: dict, there: str, gone: str) -> None:
    page = render_agreement(agreement(**more), MADE)
    assert there in page
    assert gone not in page


def test_a_scale_that_begins_below_zero() -> None:
    assert AxisScale(-1.0, 1.0, ()).at(0.5) == "75.000%"
