"""The lines of evoked run: a file is named once, and why work is done again is short."""

import json
from pathlib import Path

import pytest

from evoked.cli.messages import set_up_messages
from evoked.cli.run import REASONS, Terminal
from evoked.core.step_outcome import StepOutcome


@pytest.fixture(autouse=True)
def _shown() -> None:
    set_up_messages()


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (
            StepOutcome("pairs", "pairs.csv", "failed", "pairs.csv line 2: no reaction"),
            "failed: pairs: pairs.csv line 2",
        ),
        (StepOutcome("align", "a.mp4", "failed", "plays none of 2 contents"), "failed: align a.mp4: plays none of"),
        (StepOutcome("label", "", "left out", "no labels"), "left out: label: no labels"),
    ],
)
def test_a_file_is_named_once(item: StepOutcome, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(timed=False).item(item)
    assert capsys.readouterr().err.startswith(line)


def test_many_reasons_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = [f"setting a{i}: 0 -> 1" for i in range(REASONS + 3)]
    Terminal(timed=False).redo("train", "; ".join(reasons))
    Terminal(timed=False).redo("label", "; ".join(reasons[:REASONS]))
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"again: train: {'; '.join(reasons[:REASONS])}; and 3 more"
    assert second == f"again: label: {'; '.join(reasons[:REASONS])}"


def test_a_dry_run_in_which_something_fails_ends_with_1(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for folder, video in (("contents", "content"), ("reactions", "plain")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{video}.mp4").symlink_to(media[video])
    words = ("run", tmp_path, "--dry-run", "--json")
    assert evoked(*words).code == 0
    (tmp_path / "pairs.csv").write_text("reaction,content\nplain.mp4,other.mp4\n")
    result = evoked(*words)
    assert result.code == 1
    failed = [item for item in json.loads(result.out)["items"] if item["state"] == "failed"]
    assert result.err.splitlines()[-1].startswith(f"evoked: {len(failed)} of ")
    assert "would fail; the reasons are above" in result.err
    assert "failed: pairs: pairs.csv line 2" in evoked("run", tmp_path, "--dry-run").out
