"""Changing the code of a step without raising its version fails: older results would be kept."""

import json
import sys
from pathlib import Path

from evoked.study import label_steps, prediction_steps

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from confirm_step_sources import STEPS, TARGET, source_digest, source_digests


def test_the_sources_of_each_step_are_those_that_were_confirmed() -> None:
    known, current = json.loads(TARGET.read_text(encoding="utf-8")), source_digests()
    changed = sorted(step for step in current if known.get(step) != current[step])
    assert changed == [], (
        f"the sources of {', '.join(changed)} changed: raise the step's code version (CODE in study/label_steps.py or "
        "study/prediction_steps.py), or confirm that no result changes; then: python scripts/confirm_step_sources.py"
    )


def test_every_step_has_its_sources() -> None:
    assert set(STEPS) == set(label_steps.CODE) | set(prediction_steps.CODE) - {"report"}


def test_wording_changes_no_digest_and_code_does(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    file = tmp_path / "room" / "a.py"
    file.write_text(
        '"""Old words."""\n\n\ndef f(x):\n    """Old."""\n    return x + 1  # old\n\n\nside = setting(3, "old")\n'
    )
    before = source_digest(("room",), tmp_path)
    file.write_text('"""New words."""\ndef f(x):\n    return (\n        x + 1\n    )\nside = setting(3, "new")\n')
    assert source_digest(("room",), tmp_path) == before
    file.write_text("def f(x):\n    return x + 1\nside = setting(4, 'new')\n")
    assert source_digest(("room",), tmp_path) != before
