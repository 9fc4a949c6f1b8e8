#!/usr/bin/env bash
# Make the virtual environment: Python 3.11 or newer, every version from constraints.txt, evoked itself editable.
set -euo pipefail
venv=$1
python=${PYTHON:-python3}
"$python" - <<'PY' || { echo "evoked needs Python 3.11 or newer; call: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# torch first and alone, at its pin: where it is asked for by range, some resolvers take another build. Which build a
# version is, its index says: pip's default on Linux gives the one with CUDA, 5.8 GB in all (README, "Without the demo").
echo "setting up $venv: downloading and installing takes some minutes"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt "$(grep '^torch==' constraints.txt)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'
