"""Fuzz the commands that read media: no crash, no hang, no traceback, and a reason for every changed result.

    python benchmarks/fuzz.py --cases 3000 --seed 1 [--processes 2]    runs what is not recorded yet, prints the table
    python benchmarks/fuzz.py --seed 1 --case 17                       runs one case again and prints its record
    python benchmarks/fuzz.py --cases 3000 --seed 1 --table            the table only

Records are in .cache/fuzz/seed-SEED; what failed, or changed without a word, is kept in its folder `kept`.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["EVOKED_OFFLINE"] = "1"  # a campaign must not depend on the network

from campaigns.fuzz_table import table
from campaigns.fuzzing import Campaign
from campaigns.records import Records
from campaigns.verbs import VERBS

FOLDER = Path(__file__).parents[1] / ".cache" / "fuzz"


def main() -> None:
    """Run a campaign, one case, or print the table of what is recorded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200, help="number of damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of records, whole files and failures")
    parser.add_argument("--case", type=int, help="run this case alone, whether or not it is recorded")
    parser.add_argument("--verbs", nargs="+", choices=tuple(VERBS), help="draw from these only")
    parser.add_argument("--fresh", action="store_true", help="forget what is recorded of this seed")
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    root = given.folder.absolute()
    if given.fresh:
        shutil.rmtree(root / f"seed-{given.seed}", ignore_errors=True)
    if given.case is not None:
        print(json.dumps(Campaign(root, given.seed, given.verbs).run_case(given.case), indent=1, ensure_ascii=False))
        return
    if not given.table:
        _run(Campaign(root, given.seed, given.verbs), given.cases, given.processes)
    rows = [row for row in Records(root / f"seed-{given.seed}").all() if row["case"] < given.cases]
    text, is_good = table(rows, given.cases)
    print(text)
    sys.exit(0 if is_good else 1)


def _run(campaign: Campaign, cases: int, processes: int) -> None:
    """Share the cases between processes, each of which forks a child per case."""
    children = []
    for process in range(1, processes):
        child = os.fork()
        if child == 0:
            campaign.in_process(process).run(range(process, cases, processes))
            os._exit(0)
        children.append(child)
    campaign.run(range(0, cases, processes))
    for child in children:
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"a process of the campaign ended with status {status}")


if __name__ == "__main__":
    main()
