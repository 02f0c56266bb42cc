"""Series as lines of text: short enough for Dagster to show them at once."""

import doctest
from datetime import date, timedelta

from pipelines.evaluation import sparklines
from pipelines.evaluation.over_nights import Judged


def test_the_example_of_the_docstring_holds() -> None:
    assert doctest.testmod(sparklines) == (0, 1)


def test_ninety_nights_fit_and_the_newest_are_kept() -> None:
    first = date(2026, 1, 1)
    nights = [
        Judged(
            first + timedelta(days=n),
            {"value": n / 100},
            {"value": 0.5} if n else None,
            None,
            "promoted" if n > 88 else "",
        )
        for n in range(90)
    ]
    shown = sparklines.of_nights(nights)
    assert len(shown) < 1000
    challenger, champion, baseline, promoted = shown.splitlines()[2:]
    assert challenger.split("|")[2].strip().endswith("█")
    assert challenger.split("|")[3].strip() == "0.8900"
    assert set(champion.split("|")[2].strip()) == {"▅"}
    assert set(baseline.split("|")[2].strip()) == {"·"}
    assert promoted.split("|")[2].strip() == "·" * (sparklines.MOST - 1) + "✓"
