"""Progress of a piece is progress of the whole."""

from evoked.core.progress import part


def test_pieces_follow_each_other_on_one_bar() -> None:
    told: list[tuple[float, float | None, str]] = []

    def whole(done: float, total: float | None, note: str = "") -> None:
        told.append((done, total, note))

    first, second = part(whole, 0.0, 0.25), part(whole, 0.25, 1.0, "drawing")
    first(5, 10)
    first(10, 10, "the end")
    second(0, None)
    second(2, 4)
    second(9, 4)  # more than was thought

    assert told == [
        (0.125, 1.0, ""),
        (0.25, 1.0, "the end"),
        (0.25, 1.0, "drawing"),
        (0.625, 1.0, "drawing"),
        (1.0, 1.0, "drawing"),
    ]
