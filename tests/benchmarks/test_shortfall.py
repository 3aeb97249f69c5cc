"""A figure that falls short of a second real sample is named, with the places that pull it down."""

from typing import Any

import pytest

from benchmarks.shortfall import shortfall, worst


@pytest.mark.parametrize(
    ("figure", "synthetic", "upper", "expected"),
    [
        ("marginal", 0.90, 0.97, 0.07),
        ("marginal", None, 0.97, 0.97),
        ("hop2", 0.90, None, None),
        ("c2st", 0.62, 0.45, 0.12),
        ("c2st", 0.31, 0.45, 0.0),
    ],
)
def test_a_shortfall_counts_from_the_second_sample(
    figure: str, synthetic: float | None, upper: float | None, expected: float | None
) -> None:
    assert shortfall(figure, synthetic, upper) == pytest.approx(expected)


def test_places_are_ordered_by_how_much_of_the_mean_they_cost() -> None:
    ours = judged({"few": (0.5, 1), "many": (0.8, 10), "good": (0.9, 90)})
    real = judged({"few": (1.0, 1), "many": (0.9, 10), "good": (0.9, 90)})

    assert [entry["at"] for entry in worst("assoc", ours, real)] == ["many", "few"]


def test_a_dependence_the_source_does_not_have_is_no_shortfall() -> None:
    real = judged({}) | {"foreign_keys": {"child.key->parent": {"lag1": {"x": [0.8, 0.8]}}}}
    ours = judged({}) | {
        "foreign_keys": {"child.key->parent": {"lag1": {"x": [0.8, 0.3], "y": [0.01, 0.9]}}}
    }

    (entry,) = worst("lag1", ours, real)
    assert entry == {"at": "child.key->parent x", "synthetic": 0.5, "upper": 1.0}


def judged(pairs: dict[str, tuple[float, int]]) -> dict[str, Any]:
    tables = {t: {"assoc": {"mean": m, "pairs": n}} for t, (m, n) in pairs.items()}
    return {"tables": tables, "foreign_keys": {}}
