"""The kill campaign: seeded members of it, and that it finds a command that does not survive a kill."""

from pathlib import Path

import pytest

from campaigns import killing
from campaigns.kill_jobs import JOBS, KillJob
from campaigns.killing import KillCampaign, draw_plan

FRAIL = """
import time
from pathlib import Path
result = Path("result")
result.mkdir(exist_ok=True)
if not (result / "whole.txt").exists():
    with (result / "whole.txt").open("w") as file:
        file.write("half")
        file.flush()
        while time.process_time() < 0.5:
            pass
        file.write("whole")
"""


def killed_until(campaign: KillCampaign, kills: int) -> list[dict[str, object]]:
    campaign.run(kills)
    rows = campaign.records.all()
    assert sum(row["kills"] for row in rows) >= kills
    return rows


def test_a_plan_depends_on_its_numbers_only() -> None:
    plans = [draw_plan(3, case, tuple(JOBS)) for case in range(100)]
    assert plans == [draw_plan(3, case, tuple(JOBS)) for case in range(100)]
    assert {plan.job for plan in plans} == set(JOBS)
    assert all(0 <= share < 1 for plan in plans for share in plan.shares)


def test_a_file_that_a_killed_command_left_in_half_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOBS, "frail", KillJob(lambda _: ["-c", FRAIL], "result", (), 1))
    rows = killed_until(KillCampaign(tmp_path, 0, ["frail"]), 8)
    assert ["whole.txt"] in [row["apart"] for row in rows]
    assert (tmp_path / "seed-0" / "kept").is_dir()
    monkeypatch.setattr(killing, "MOST_S", 0.0)  # what is recorded is not done again
    assert killed_until(KillCampaign(tmp_path, 0, ["frail"]), 8) == rows


@pytest.mark.nets
def test_killed_conversions_of_networks_end_as_undisturbed_ones(tmp_path: Path) -> None:
    for row in killed_until(KillCampaign(tmp_path, 5, ["convert"]), 3):
        assert (row["code"], row["apart"], row["traceback"]) == (0, [], False), row


@pytest.mark.full
@pytest.mark.nets
@pytest.mark.parametrize("job", ["run", "sample"])
def test_killed_studies_and_samples_end_as_undisturbed_ones(job: str, tmp_path: Path) -> None:
    for row in killed_until(KillCampaign(tmp_path, 6, [job]), 6):
        assert (row["code"], row["apart"], row["traceback"]) == (0, [], False), row
