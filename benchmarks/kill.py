"""Kill commands at random times and give them again: they must end as if nobody had killed them.

    python benchmarks/kill.py --kills 200 --seed 1      runs what is not recorded yet, prints the table
    python benchmarks/kill.py --seed 1 --case 17        runs one case again and prints its record
    python benchmarks/kill.py --seed 1 --table          the table only

A case starts a command in an empty folder, kills it (SIGKILL, the process alone: its workers must notice) up to four
times, each time after a share of the processor time left that the seed draws, gives it again at once, and lets the
last one end. Every file that it then has must have the bytes of the undisturbed one. The releases that hold networks
are downloaded once; cases fetch them from that folder. Records are in .cache/kill/seed-SEED; what went wrong is kept
in its folder `kept`.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from campaigns.kill_jobs import JOBS
from campaigns.killing import KillCampaign
from campaigns.records import Records

FOLDER = Path(__file__).parents[1] / ".cache" / "kill"


def main() -> None:
    """Run a campaign, one case, or print the table of what is recorded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="number of processes to kill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of records, undisturbed results and failures")
    parser.add_argument("--case", type=int, help="run this case alone, whether or not it is recorded")
    parser.add_argument("--jobs", nargs="+", choices=tuple(JOBS), default=tuple(JOBS), help="draw from these only")
    parser.add_argument("--fresh", action="store_true", help="forget what is recorded of this seed")
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    root = given.folder.absolute()
    if given.fresh:
        shutil.rmtree(root / f"seed-{given.seed}", ignore_errors=True)
    if given.case is not None:
        print(json.dumps(KillCampaign(root, given.seed, given.jobs).run_case(given.case), indent=1))
        return
    if not given.table:
        KillCampaign(root, given.seed, given.jobs).run(given.kills)
    rows = Records(root / f"seed-{given.seed}").all()
    print(table(rows))
    is_good = all(row["code"] == 0 and not row["apart"] and not row["traceback"] for row in rows)
    sys.exit(0 if is_good and sum(row["kills"] for row in rows) >= given.kills else 1)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Summarise the records of a campaign.

    Args:
        rows: records.

    Returns:
        Markdown.
    """
    lines = ["| command | cases | kills | same bytes | other bytes | failed | tracebacks |", "|---" * 7 + "|"]
    for name in (*dict.fromkeys(row["job"] for row in rows), "all"):
        of_it = [row for row in rows if name in (row["job"], "all")]
        failed = sum(row["code"] != 0 for row in of_it)
        apart = sum(row["code"] == 0 and bool(row["apart"]) for row in of_it)
        same, kills = len(of_it) - failed - apart, sum(row["kills"] for row in of_it)
        tracebacks = sum(row["traceback"] for row in of_it)
        lines.append(f"| {name} | {len(of_it)} | {kills} | {same} | {apart} | {failed} | {tracebacks} |")
    for row in rows:
        if row["code"] or row["apart"]:
            lines.append(f"case {row['case']}, {row['job']}: exit code {row['code']}, other bytes: {row['apart'][:6]}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
