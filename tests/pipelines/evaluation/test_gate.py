"""The gate as a pure function: every reason to refuse is a sentence, and nothing doubtful passes."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.evaluation.gate import decide, decide_night
from pipelines.settings.model_sections import Gate
from warehouse.realised.band import Band

METRICS = ("recall@20", "mrr@20", "coverage@20")


def row(role: str, metric: str = "recall@20", value: float | None = 0.3, **more: Any) -> dict[str, Any]:
    name = more.pop("model", "GRU4Rec")
    spread = {} if value is None else {"low": value - 0.02, "high": value + 0.02}
    difference = 0.3 - value if value is not None else math.nan
    return {
        "role": role,
        "model": name,
        "model_version": 2 if role != "baseline" else None,
        "metric": metric,
        "segment": "all",
        "value": value,
        "n": 1000,
        "difference": difference,
        "difference_low": difference - 0.01,
        "difference_high": difference + 0.01,
        **spread,
        **more,
    }


def night(**changed: Any) -> list[dict[str, Any]]:
    """A good night: recall .3 against popularity .1 and V-SKNN .28; `changed` replaces or leaves out (None) rows."""
    rows = {
        "challenger": row("challenger"),
        "mrr": row("challenger", "mrr@20", 0.1),
        "coverage": row("challenger", "coverage@20", 0.4),
        "popularity": row("baseline", value=0.1, model="popularity"),
        "vsknn": row("baseline", value=0.28, model="V-SKNN"),
        **changed,
    }
    return [one for one in rows.values() if one is not None]


def test_a_good_first_night_is_promoted_and_says_its_figures() -> None:
    decision = decide(night(), Gate())
    assert decision.promoted
    assert "recall@20 is 0.3000 [0.2800, 0.3200] over 1,000 predictions" in decision.reason
    assert (
        "The popularity baseline reaches 0.1000: certainly beaten (difference +0.2000, 95% interval [+0.1900, +0.2100])"
        in (decision.reasons)[2]
    )
    assert "The best baseline, V-SKNN, reaches 0.2800: beaten" in decision.reason
    assert "no champion to compare with" in decision.reason


@pytest.mark.parametrize(
    ("changed", "rules", "says"),
    [
        ({"challenger": None}, Gate(), "has no recall@20"),
        ({"challenger": row("challenger", value=math.nan)}, Gate(), "is not a number"),
        ({"challenger": row("challenger", n=12)}, Gate(), "Only 12 predictions"),
        ({}, Gate(min_recall=0.5), "below its floor of 0.5"),
        ({"mrr": None}, Gate(min_mrr=0.01), "has no mrr@20"),
        ({"mrr": row("challenger", "mrr@20", math.nan)}, Gate(min_mrr=0.01), "has no mrr@20"),
        ({"popularity": None}, Gate(), "popularity baseline was not measured"),
        ({"popularity": row("baseline", value=0.295, model="popularity")}, Gate(), "not certainly better"),
        (
            {"popularity": row("baseline", value=0.4, model="popularity")},
            Gate(),
            "popularity baseline's 0.4000",
        ),
        ({"popularity": row("baseline", value=0.4, model="popularity")}, Gate(), "0.4000: worse (95%"),
        ({"vsknn": row("baseline", value=0.35, model="V-SKNN")}, Gate(), "best baseline (V-SKNN, 0.3500;"),
        ({"vsknn": row("baseline", value=math.nan, model="V-SKNN")}, Gate(), "no certain recall@20 of V-SKNN"),
        ({"champion": row("champion", value=0.35)}, Gate(), "Significantly worse than the champion, version 2"),
        ({"champion": row("champion", value=math.nan)}, Gate(), "Significantly worse"),
        ({"served": row("served", value=0.1)}, Gate(), "its retraining went wrong"),
        ({"served": row("served", value=math.nan)}, Gate(), "its retraining went wrong"),
    ],
)
def test_a_doubtful_night_is_refused_with_a_sentence(changed: dict[str, Any], rules: Gate, says: str) -> None:
    decision = decide(night(**changed), rules)
    assert not decision.promoted
    assert says in decision.reason


def test_every_failing_rule_is_named() -> None:
    rows = night(challenger=row("challenger", n=12), champion=row("champion", value=0.4))
    decision = decide(rows, Gate(min_recall=0.5), ["trained_before_test"])
    assert len(decision.reasons) == 4


@pytest.mark.parametrize(
    ("value", "says"),
    [(0.305, "the challenger is not certainly worse"), (0.28, "the challenger is better beyond noise")],
)
def test_a_champion_within_noise_or_below_is_followed_and_the_reason_says_which(value: float, says: str) -> None:
    decision = decide(night(champion=row("champion", value=value)), Gate())
    assert decision.promoted
    assert f"The champion, version 2, reaches {value:.4f} on the same sessions: {says}" in decision.reason


@pytest.mark.parametrize(
    ("value", "rules", "says"),
    [
        (0.28, Gate(), "V-SKNN, reaches 0.2800: beaten (difference +0.0200"),
        (0.295, Gate(), "V-SKNN, reaches 0.2950: not ahead, and beaten only within noise"),
        (0.305, Gate(), "V-SKNN, reaches 0.3050: ahead, but only within noise (difference -0.0050, 95% interval"),
        (
            0.35,
            Gate(best_baseline_share=0.8),
            "certainly ahead (difference -0.0500, 95% interval [-0.0600, -0.0400]); ",
        ),
        (0.35, Gate(best_baseline_share=0.8), "promoted because 0.86 of it is reached and [gate] best_baseline_share"),
    ],
)
def test_a_promotion_says_how_the_best_baseline_stands(value: float, rules: Gate, says: str) -> None:
    decision = decide(night(vsknn=row("baseline", value=value, model="V-SKNN")), rules)
    assert decision.promoted
    assert says in decision.reason


def test_a_challenger_that_lost_half_the_shop_is_refused_however_good_it_is_on_the_rest() -> None:
    rows = night(champion=row("champion", value=0.2), known=row("champion", "known", 0.5))
    refused = decide(rows, Gate())
    assert not refused.promoted
    assert "knows the items of only 50.0% of the events that the champion, version 2, learnt from" in refused.reason
    assert decide(rows, Gate(min_known_share=0.5)).promoted


def version(number: int, **tags: str) -> SimpleNamespace:
    night = {"run_date": "2026-01-02", "train_until": "2026-01-01T10", "test_from": "2026-01-02T00"}
    return SimpleNamespace(version=number, tags={**night, **tags})


@pytest.mark.parametrize(
    ("challenger", "champion", "says"),
    [
        (version(7), None, "measured version {2}, not 7"),
        (version(2), version(1, run_date="2026-01-03"), "is of a later night"),
        (version(2), version(1), "was not compared with"),
        (version(2, train_until="2026-01-02T01"), None, "trained_before_test failed"),
    ],
    ids=["another version was measured", "older night", "champion not compared", "leak"],
)
def test_what_only_the_registry_knows_refuses_too(challenger: Any, champion: Any, says: str) -> None:
    decision = decide_night(night(), Gate(), challenger, champion)
    assert not decision.promoted
    assert says in decision.reason


def test_a_night_of_which_nothing_was_measured_promotes_nobody() -> None:
    decision = decide_night([], Gate(), version(2), None)
    assert not decision.promoted
    assert decision.reason == "Nothing was measured, for the test days hold no session: nobody is promoted."


def test_a_champion_that_was_compared_may_be_followed() -> None:
    rows = night(champion=row("champion", value=0.29, model_version=1))
    assert decide_night(rows, Gate(), version(2), version(1)).promoted


@pytest.mark.parametrize(("heed", "value", "promoted"), [(True, 0.1, False), (True, 0.2, True), (False, 0.1, True)])
def test_a_day_whose_lists_fell_promotes_nobody_where_the_gate_is_told_to_heed_it(
    heed: bool, value: float, promoted: bool
) -> None:
    decision = decide_night(night(), Gate(heed_realised=heed), version(2), None, Band(value, 0.15, 9))
    assert decision.promoted == promoted
    said = "realised_within_its_band (recall@20 of 0.1000, its edge is 0.1500) failed"
    assert (said in decision.reason) != promoted


@pytest.mark.parametrize("realised", [None, Band(0.1, None, 2)], ids=["nothing was scored", "too few nights"])
def test_what_was_not_scored_refuses_nobody(realised: Band | None) -> None:
    assert decide_night(night(), Gate(heed_realised=True), version(2), None, realised).promoted


def test_other_segments_do_not_count() -> None:
    bad = {**row("baseline", value=0.9, model="popularity"), "segment": "position=1"}
    assert decide([*night(), bad], Gate()).promoted


def test_a_metric_that_could_never_promote_is_refused() -> None:
    """Differences are measured for list length 20 alone; without one, nothing ever beats popularity."""
    with pytest.raises(ValueError, match="should be 'recall@20', 'mrr@20' or 'ndcg@20'"):
        Gate(metric="recall@10")
