"""The page is one safe file: escaped, self-contained, the same bytes every time."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_study import NASTY, STAGED, write_items, write_labels, write_predictions, write_reaction

from evoked.core.errors import OutputError
from evoked.report.config import ReportConfig
from evoked.report.load_results import load_prediction
from evoked.report.page import embedded, write_page, write_report

NO_VIDEO = ReportConfig(video="none")


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._raw = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._raw = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw == "script":
            self.scripts.append(data)
        elif not self._raw:
            self.text += data


def plain(text: str) -> str:
    """Text with usual spaces and without joiners."""
    return text.replace("\u00a0", " ").replace("\u2060", "")


def page_of(study: Path, config: ReportConfig = NO_VIDEO) -> str:
    path = write_report(study, config)
    return path.read_text(encoding="utf-8")


def test_the_summary_says_staged_scores_chance_and_interval(study: Path) -> None:
    text = Elements(page_of(study)).text
    assert STAGED in text
    assert "chance 28.0 %, 95 % interval 41.0–58.0 %" in plain(text)
    assert "The model is better than random guessing" in text
    assert "1 step failed" in text
    assert "no media <in> it" in text  # escaped once, so it reads as it was


def test_a_failure_of_the_whole_study_has_a_name_and_its_reason(study: Path) -> None:
    row = {"name": "", "step": "hold out", "state": "failed", "reason": "that needs two videos"}
    write_items(study / "results", [row])
    (study / "results/scores.json").unlink()

    text = plain(Elements(page_of(study)).text)

    assert "the whole study hold out" in text
    assert text.count("that needs two videos") >= 2  # in the red box, and among the items
    assert "There are no scores: that needs two videos." in text


def test_only_failures_are_red(study: Path) -> None:
    assert '<span class="state failed">1 failed</span>' in page_of(study)
    write_items(study / "results", [{"name": "a.mp4", "step": "align", "state": "done", "reason": ""}])
    page = page_of(study)
    assert '<span class="state ">0 failed</span>' in page
    assert '<span class="state ">1 in place</span>' in page


def test_an_undefined_class_is_not_zero(study: Path) -> None:
    text = Elements(page_of(study)).text
    assert "surprise: no positive second, so the score is undefined." in text


def test_the_difference_decides_everywhere_on_the_page(study: Path) -> None:
    path = study / "results/scores.json"
    body = json.loads(path.read_text())
    body["map"] |= {"low": 0.2, "gain": 0.22, "gain_low": 0.05, "gain_high": 0.4}  # 20 % is below chance, 28 %
    path.write_text(json.dumps(body))
    page = Elements(page_of(study))
    assert "not significantly above chance" not in page.text
    assert "The model is better than random guessing" in page.text
    labels = [a["aria-label"] or "" for t, a in page.found if a.get("role") == "img" and "interval" in str(a)]
    assert labels[-1].startswith("mean: ")
    assert labels[-1].endswith("above chance")


def test_the_same_bytes_again(study: Path, tmp_path: Path) -> None:
    first = page_of(study)
    path = write_report(study, NO_VIDEO, tmp_path / "elsewhere" / "r.html")
    assert path.read_text(encoding="utf-8") == first


def test_nothing_comes_from_outside(study: Path) -> None:
    page = Elements(page_of(study))
    for tag, attributes in page.found:
        assert tag not in {"iframe", "object", "embed", "base", "form"}
        assert tag == "link" or not any(str(attributes.get(n, "")).startswith(("http", "//")) for n in ("src", "href"))
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
    namespace = 'xmlns="http://www.w3.org/2000/svg"'  # a name that no program asks for, in the SVG that is saved
    assert "http:" not in page_of(study).replace("http-equiv", "").replace(namespace, "")
    assert "https:" not in page_of(study)


def test_the_policy_lets_only_the_page_s_own_script_run(study: Path) -> None:
    page = Elements(page_of(study))
    policy = next(a["content"] for t, a in page.found if a.get("http-equiv") == "Content-Security-Policy")
    own = page.scripts[-1]
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert policy is not None
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy


def test_names_are_harmless_everywhere(study: Path) -> None:
    results = study / "results"
    write_labels(results, [NASTY])
    stem = NASTY.replace("/", "_")
    write_predictions(results, stem)
    write_reaction(results, stem, viewers=("<i>1</i>",))
    write_items(results, [{"name": NASTY, "step": "&lt;<u>", "state": "failed", "reason": "</style>"}])
    (study / "study.toml").write_text(f"name = {json.dumps(NASTY)}\nnote = {json.dumps(NASTY)}\n")

    page = Elements(page_of(study))

    tags = [t for t, _ in page.found]
    assert "u" not in tags
    assert tags.count("script") == len(page.scripts) == 6  # index, four contents, the page's own
    assert ["owned" in s for s in page.scripts] == [True] + [False] * 5  # as data, once
    assert all("</script" not in s.lower() for s in page.scripts)
    assert NASTY in page.text
    index = json.loads(next(s for s in page.scripts if '"contents"' in s and s.startswith("{")))
    assert NASTY in [c["name"] for c in index["contents"]]


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "]]>", "\u2028", "&amp;", "ünï\x00\ud7ff", '"\\'])
def test_embedded_json_cannot_end_its_element_and_reads_back(text: str) -> None:
    safe = str(embedded({text: [text, None, 1.5]}))
    assert not re.search("[<>&\u2028\u2029]", safe)
    assert json.loads(safe) == {text: [text, None, 1.5]}


def test_series_are_compact_and_exact(study: Path) -> None:
    page = Elements(page_of(study))
    series = json.loads(next(s for s in page.scripts if s.startswith('{"seconds"')))
    assert series["labels"]["valid"] == "1" * 10 + "0" * 4 + "1" * 26
    assert series["labels"]["viewers"][9:15] == [2, 0, 0, 0, 0, 2]
    assert series["prediction"][0][0] == 500
    assert series["prediction"][0][20] is None


def test_an_empty_study_is_a_page_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    text = Elements(page_of(tmp_path)).text
    for said in (
        "There are no labels",
        "There are no scores",
        "There is no content to show",
        "No result records its provenance",
    ):
        assert said in text


def test_one_prediction_has_no_study_s_parts(tmp_path: Path) -> None:
    write_predictions(tmp_path, "film")
    facts = load_prediction(tmp_path / "predictions/film.parquet", None)
    path = write_page(facts, tmp_path / "r.html", NO_VIDEO)
    page = Elements(path.read_text(encoding="utf-8"))
    assert facts.missing == {}
    assert [a["id"] for t, a in page.found if t == "section"] == ["timeline", "peaks", "made"]
    assert "No viewer’s face was measured" in page.text


def test_a_place_that_cannot_be_written_is_one_line(study: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_report(study, NO_VIDEO, study / "results/labels.parquet/r.html")


@pytest.mark.parametrize(("name", "value"), [("video", "both"), ("video_limit_mb", -1.0), ("preview_height", 8)])
def test_settings_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        ReportConfig(**{name: value})  # type: ignore[arg-type]


def test_which_run_made_a_result_does_not_change_the_page(study: Path, tmp_path: Path) -> None:
    """One undisturbed run, against an interrupted one and its repetition; the page itself is listed by neither."""
    rows = [{"name": f"{name}.mp4", "step": "annotate", "reason": ""} for name in "ab"]
    page = {"name": "", "step": "report", "state": "done", "reason": ""}
    runs = (
        [row | {"state": "done", "reason": "no viewer was seen in it"} for row in rows],
        [rows[0] | {"state": "kept"}, rows[1] | {"state": "done"}],
        [*(row | {"state": "kept"} for row in rows), page],
    )
    pages = []
    for number, items in enumerate(runs):
        write_items(study / "results", items)
        pages.append(write_report(study, ReportConfig(), tmp_path / f"{number}.html").read_bytes())
    assert pages[0] == pages[1] == pages[2]
    assert b"2 in place" in pages[0]


def test_a_note_is_told_once(study: Path) -> None:
    path = study / "results/scores.json"
    body = json.loads(path.read_text())
    body["notes"] = [
        STAGED,
        "never shown, so undefined and not in the mean: surprise",
        "2 videos: intervals over so few are too narrow",
        "one clip was left out",
    ]
    path.write_text(json.dumps(body))
    text = plain(Elements(page_of(study)).text)
    assert text.count(STAGED) == 1
    assert "never shown" not in text  # the page says it in its own words
    assert "intervals over so few" not in text
    assert text.count("one clip was left out") == 1
