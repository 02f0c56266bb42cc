"""Who may become champion: pure functions of a night's figures. Every rule that fails gives a sentence for people.

The asset champion_model acts on the decision. A night that promotes nothing serves the old champion.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.evaluation.table import CHALLENGER, CHAMPION, KNOWN
from pipelines.evaluation.unread import why_unread
from pipelines.settings.model_sections import Gate

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from warehouse.realised.band import Band

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """Promoted or not, and why: the sentences for the version's tags and the asset's page."""

    promoted: bool
    reasons: list[str]

    @property
    def reason(self) -> str:
        """All reasons as one text."""
        return " ".join(self.reasons)


def decide_night(
    rows: Sequence[Row],
    rules: Gate,
    challenger: "ModelVersion",
    champion: "ModelVersion | None",
    realised: "Band | None" = None,
) -> Decision:
    """The decision of a night.

    Args:
        rows: the night's evaluations table.
        rules: [gate].
        challenger: the version trained that night.
        champion: the version that carries the alias now, if there is one.
        realised: what readers' lists were worth on the night's day, where that was scored.
    """
    if not rows:  # see offline_evaluation: a closed day
        return Decision(False, ["Nothing was measured, for the test days hold no session: nobody is promoted."])
    reason = why_unread(challenger, champion)
    if refusal := _out_of_date(rows, challenger, None if reason else champion):
        return Decision(False, [refusal])
    late = challenger.tags.get("train_until", "") >= challenger.tags.get("test_from", "")
    failed = ["trained_before_test"] if late else []
    if rules.heed_realised and realised is not None and realised.fell:
        failed.append(f"realised_within_its_band (recall@20 of {realised.value:.4f}, its edge is {realised.low:.4f})")
    decision = decide(rows, rules, failed)
    if reason is None:
        return decision
    unseen = f"The gate saw no champion, for {reason}."
    if rules.unreadable_champion == "refuse":
        advice = "Put its files back, or promote a version by hand."
        return Decision(False, [f"{unseen} [gate] unreadable_champion asks to refuse then. {advice}"])
    return Decision(decision.promoted, [f"{unseen} The challenger is judged as on a first night.", *decision.reasons])


def _out_of_date(rows: Sequence[Row], challenger: "ModelVersion", champion: "ModelVersion | None") -> str | None:
    """Why the figures are not about today's two versions, as the registry knows them; None where they are."""
    measured = {row["model_version"] for row in rows if row["role"] == CHALLENGER}
    if measured != {int(challenger.version)}:
        return (
            f"The evaluation measured version {measured}, not {challenger.version}: "
            "materialise offline_evaluation again."
        )
    if champion is None:
        return None
    night = champion.tags.get("run_date", "")
    if night > challenger.tags["run_date"]:
        return f"The champion, version {champion.version}, is of a later night ({night})."
    compared = {row["model_version"] for row in rows if row["role"] == CHAMPION}
    if int(champion.version) != int(challenger.version) and compared != {int(champion.version)}:
        return (
            f"The champion, version {champion.version}, was not compared with: it changed since the evaluation, or "
            "knew the test days. Materialise offline_evaluation again, or promote by hand."
        )
    return None


def decide(rows: Sequence[Row], rules: Gate, failed_checks: Sequence[str] = ()) -> Decision:
    """The decision by the figures alone; any doubt means no promotion.

    Args:
        rows: one night's evaluations table, of which the segment "all" is read.
        rules: [gate].
        failed_checks: names of checks that did not hold.
    """
    overall = [row for row in rows if row["segment"] == "all"]
    mine = {row["metric"]: row for row in overall if row["role"] == "challenger"}
    against = [f"The check {name} failed." for name in failed_checks]
    judged = mine.get(rules.metric)
    if judged is None:
        return Decision(False, [*against, f"The challenger has no {rules.metric}: nothing can be judged without it."])
    if not _number(judged["value"]):
        return Decision(False, [*against, f"The challenger's {rules.metric} is not a number: its training diverged."])
    others = [row for row in overall if row["metric"] == rules.metric and row["role"] != "challenger"]
    against += _too_few(judged, rules) + _floors(mine, rules)
    against += _baselines(judged, others, rules) + _champion(judged, others) + _served(judged, others)
    against += _catalogue(overall, rules)
    return Decision(False, against) if against else Decision(True, _grounds(judged, others, rules))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _too_few(judged: Row, rules: Gate) -> list[str]:
    if judged["n"] >= rules.min_events:
        return []
    return [f"Only {judged['n']} predictions in the test days: at least {rules.min_events} are needed to judge."]


def _floors(mine: Mapping[str, Row], rules: Gate) -> list[str]:
    found = []
    for metric, floor in rules.floors.items():
        value = mine[metric]["value"] if metric in mine else None
        if floor <= 0:
            continue
        if value is None or not _number(value):
            found.append(f"The challenger has no {metric}, which must be at least {floor:g}.")
        elif value < floor:
            found.append(f"{metric} is {value:.4f}, below its floor of {floor:g}.")
    return found


def _baselines(judged: Row, others: Sequence[Row], rules: Gate) -> list[str]:
    baselines = [row for row in others if row["role"] == "baseline"]
    popular = next((row for row in baselines if row["model"] == "popularity"), None)
    if popular is None:
        return ["The popularity baseline was not measured: a model must be seen to beat it."]
    if not _number(popular["difference_low"]) or popular["difference_low"] <= 0:
        worse = _number(popular["difference_high"]) and popular["difference_high"] < 0
        return [
            f"{rules.metric} is {judged['value']:.4f} against the popularity baseline's {popular['value']:.4f}: "
            f"{'worse' if worse else 'not certainly better'} (95% interval of the difference {_interval(popular)})."
        ]
    if lost := [row["model"] for row in baselines if not _number(row["value"]) or not _number(row["difference_high"])]:
        return [f"There is no certain {rules.metric} of {', '.join(lost)}: a model must be seen to hold against it."]
    best = _best(baselines)
    if judged["value"] < rules.best_baseline_share * best["value"] and best["difference_high"] < 0:
        share = "" if rules.best_baseline_share == 1 else f"{rules.best_baseline_share:g} of "
        return [
            f"{rules.metric} is {judged['value']:.4f}, below {share}the best baseline "
            f"({best['model']}, {best['value']:.4f}; 95% interval of the difference {_interval(best)})."
        ]
    return []


def _champion(judged: Row, others: Sequence[Row]) -> list[str]:
    champion = next((row for row in others if row["role"] == "champion"), None)
    if champion is None or (_number(champion["difference_high"]) and champion["difference_high"] >= 0):
        return []
    return [
        f"Significantly worse than the champion, version {champion['model_version']}: {judged['value']:.4f} against "
        f"{champion['value']:.4f} (95% interval of the difference {_interval(champion)})."
    ]


def _served(judged: Row, others: Sequence[Row]) -> list[str]:
    served = next((row for row in others if row["role"] == "served"), None)
    if served is None or (_number(served["value"]) and served["value"] >= judged["low"]):
        return []
    return [
        f"The checkpoint that would serve reaches {served['value']:.4f} on sessions that it knows, less than the "
        f"measured one's {judged['value']:.4f}: its retraining went wrong."
    ]


def _catalogue(overall: Sequence[Row], rules: Gate) -> list[str]:
    """Whether the challenger knows enough of the shop, for all are measured on the items that it knows alone."""
    champion = next((row for row in overall if row["metric"] == KNOWN and row["role"] == "champion"), None)
    if champion is None or champion["value"] >= rules.min_known_share:
        return []
    return [
        f"It knows the items of only {champion['value']:.1%} of the events that the champion, version "
        f"{champion['model_version']}, learnt from: is data missing, or an item filter too strict? "
        "If the shop really changed so much, promote by hand."
    ]


def _grounds(judged: Row, others: Sequence[Row], rules: Gate) -> list[str]:
    """Why a challenger that broke no rule is promoted: a sentence for each model that it was compared with."""
    champion = next((row for row in others if row["role"] == "champion"), None)
    baselines = [row for row in others if row["role"] == "baseline"]
    popular, best = next(row for row in baselines if row["model"] == "popularity"), _best(baselines)
    said = [
        f"{rules.metric} is {judged['value']:.4f} [{judged['low']:.4f}, {judged['high']:.4f}] "
        f"over {judged['n']:,} predictions.",
        "There is no champion to compare with." if champion is None else _against_champion(champion),
        f"The popularity baseline reaches {popular['value']:.4f}: certainly beaten {_difference(popular)}.",
    ]
    return said if best is popular else [*said, _against_best(judged, best, rules)]


def _against_champion(champion: Row) -> str:
    verdict = "better beyond noise" if champion["difference_low"] > 0 else "not certainly worse"
    said = f"The champion, version {champion['model_version']}, reaches {champion['value']:.4f} on the same sessions"
    return f"{said}: the challenger is {verdict} {_difference(champion)}."


def _against_best(judged: Row, best: Row, rules: Gate) -> str:
    """That the best baseline is beaten, or why the challenger is promoted although it is not."""
    if best["difference_low"] > 0:
        verdict = f"beaten {_difference(best)}."
    elif judged["value"] >= best["value"]:
        verdict = f"not ahead, and beaten only within noise {_difference(best)}."
    elif best["difference_high"] >= 0:
        verdict = f"ahead, but only within noise {_difference(best)}, which is no reason to refuse."
    else:
        verdict = (
            f"certainly ahead {_difference(best)}; promoted because {judged['value'] / best['value']:.2f} of it is "
            f"reached and [gate] best_baseline_share asks for {rules.best_baseline_share:g}."
        )
    return f"The best baseline, {best['model']}, reaches {best['value']:.4f}: {verdict}"


def _best(baselines: Sequence[Row]) -> Row:
    return max(baselines, key=lambda row: row["value"])


def _difference(row: Row) -> str:
    return f"(difference {row['difference']:+.4f}, 95% interval {_interval(row)})"


def _interval(row: Row) -> str:
    low, high = row["difference_low"], row["difference_high"]
    return f"[{low:+.4f}, {high:+.4f}]" if _number(low) and _number(high) else "[unknown]"
