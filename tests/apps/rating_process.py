"""Answers clips of a store until it is killed: prints each answer once the store has acknowledged it.

python rating_process.py ADDRESS RATER
"""

import sys

from evoked.apps.rating.store import Answer, hold_clips, submit
from evoked.apps.web.database import GroupWriter, open_database

if __name__ == "__main__":
    address, rater = sys.argv[1], int(sys.argv[2])
    writer = GroupWriter(open_database(address))
    while held := writer.submit(lambda c: hold_clips(c, rater, 3, 600)).result():
        changes = []
        for clip in held:  # several in one commit
            answer = Answer(clip.clip, f"{rater} {clip.clip}", ("amusement",), False, 1, "v")
            changes.append((clip.clip, writer.submit(lambda c, a=answer: submit(c, rater, a))))  # type: ignore[misc]
        for number, change in changes:
            change.result()
            print(number, flush=True)
