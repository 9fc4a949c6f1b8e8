"""The picture of reliability curves is well-formed and puts its dots where the numbers are."""

from xml.etree import ElementTree

from evoked.report.reliability_plot import EDGE, GAP, SIDE, reliability_svg


def test_dots_stand_where_the_numbers_are() -> None:
    text = reliability_svg({"doubt": [(0.25, 0.5, 30), (1.0, 1.0, 10)], "<awe>": []}, {"doubt": 0.125, "<awe>": None})

    root = ElementTree.fromstring(text)

    dots = [
        (float(d.get("cx", 0)), float(d.get("cy", 0)), float(d.get("r", 0))) for d in root.iter() if "circle" in d.tag
    ]
    left = GAP + EDGE
    assert [d[:2] for d in dots] == [(left + SIDE / 4, EDGE + SIDE / 2), (left + SIDE, EDGE)]
    assert dots[0][2] > dots[1][2]
    words = [t.text for t in root.iter() if "text" in t.tag]
    assert "doubt, error 0.125" in words
    assert "<awe>" in words
