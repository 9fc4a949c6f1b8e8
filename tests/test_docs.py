"""The documentation: pages made from the sources are current, and every internal link and anchor leads somewhere."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PAGES = [page for page in PAGES if "_build" not in page.parts]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub and MyST make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#{1,6} +(.+?)\s*$", text, flags=re.MULTILINE)
    plain = [re.sub(r"[`*]|\]\([^)]*\)|\[(?=[^\]]*\]\()", "", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def links(page: Path) -> list[str]:
    """Targets of the page's links, outside code."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    return LINK.findall(text)


def dead(page: Path) -> list[str]:
    """Internal links of a page that lead nowhere."""
    wrong = []
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_internal_links_lead_somewhere(page: Path) -> None:
    assert dead(page) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# One two\n\n[x](b.md) [y](#one-two) [z](#three) [w](a.md#one-two)\n")
    assert dead(tmp_path / "a.md") == ["b.md", "#three"]


def test_generated_pages_are_current() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    from site_pages import GENERATED

    stale = [name for name, make in GENERATED.items() if (ROOT / "docs" / name).read_text(encoding="utf-8") != make()]
    assert stale == [], "make docs writes them again"


def test_every_page_is_in_the_site() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {
        line.strip() for block in re.findall(r"```\{toctree\}(.*?)```", index, re.DOTALL) for line in block.split()
    }
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        if page.name == "index.md" or name.split("/")[0] in ("_build", "decisions", "benchmarks"):
            continue
        assert name in listed or f"{name.split('/')[0]}/*" in listed, f"{name} is in no toctree of docs/index.md"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
