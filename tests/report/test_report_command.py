"""evoked report: what goes to stdout, what to stderr, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

from report_films import counting_film
from report_study import write_predictions


def evoked(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from evoked.cli.main import main; main()", "report", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "error"})


def test_a_study_s_page_and_what_it_lacks(study: Path) -> None:
    (study / "results/scores.json").unlink()

    done = evoked(study)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{study}/results/report.html\n"
    assert Path(done.stdout.strip()).is_file()
    assert "scores: There are no scores: results/scores.json does not exist." in done.stderr


def test_json_names_the_page_and_what_it_lacks(study: Path) -> None:
    (study / "results/scores.json").unlink()

    done = evoked(study, "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["page"] == f"{study}/results/report.html"
    assert told["missing"]["scores"] == ["There are no scores: results/scores.json does not exist."]


def test_one_predicted_video(tmp_path: Path) -> None:
    counting_film(tmp_path / "film.mp4", 2)
    write_predictions(tmp_path, "film.mp4", 2)
    table = tmp_path / "predictions/film.mp4.parquet"
    out = tmp_path / "page.html"

    done = evoked("--prediction", table, "--video-file", tmp_path / "film.mp4", "-o", out, "--preview-height", 90)

    assert done.returncode == 0, done.stderr
    assert 'id="video-0"' in out.read_text(encoding="utf-8")


def test_wrong_use_is_exit_2_and_says_what_is_right(study: Path, tmp_path: Path) -> None:
    for words, says in (
        ((), "either a STUDY folder or --prediction"),
        ((study, "--prediction", "x.parquet"), "either a STUDY folder or --prediction"),
        ((study, "--video-file", "x.mp4"), "--video-file goes with --prediction"),
        ((study, "--content", "first.mp4"), "--content goes with a picture: end -o in .png, .svg, .pdf"),
        ((study, "--video", "stream"), "'stream' is not one of 'embed', 'link', 'none'"),
    ):
        done = evoked(*words)
        assert done.returncode == 2
        assert says in done.stderr


def test_no_study_is_one_line_and_exit_1(tmp_path: Path) -> None:
    done = evoked(tmp_path / "nowhere")
    assert done.returncode == 1
    lines = [line for line in done.stderr.split("\n") if line.startswith("evoked:")]
    assert len(lines) == 1
    assert "no study folder at" in lines[0]
    assert "Traceback" not in done.stderr


def test_a_picture_is_written_again_and_never_over_another_study_s(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "slide.png"
    done = evoked(study, "-o", out, "--content", "first.mp4")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{out}\n", "")
    refused = evoked(study.rename(tmp_path / "another study"), "-o", out)
    assert refused.returncode == 1
    assert "made of study small study, which this command does not read" in refused.stderr
