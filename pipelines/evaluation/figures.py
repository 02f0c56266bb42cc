"""Pictures of a night's evaluation, as PNG: for MLflow, and on the asset's page."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.evaluation.over_nights import Judged

METRIC = "recall@20"
LISTS = {"published": "published lists", "popular": "popular items"}  # of the table `realised`, as people read them


def draw(
    rows: Sequence[dict[str, Any]], reliability: Any, losses: Mapping[str, Sequence[tuple[int, float]]]
) -> dict[str, bytes]:
    """All pictures of a night.

    Args:
        rows: the evaluations table.
        reliability: confidence and accuracy of the first item, by bin.
        losses: (epoch, loss) of the training, by member.

    Returns:
        PNG files by the picture's name.
    """
    import matplotlib

    matplotlib.use("Agg")
    return {
        "training_curve": _picture(lambda axes: _training_curve(axes, losses)),
        "recall_by_session_length": _picture(lambda axes: _by_length(axes, rows)),
        "coverage_against_recall": _picture(lambda axes: _coverage(axes, rows)),
        "reliability": _picture(lambda axes: _reliability(axes, reliability)),
    }


def realised_curve(rows: Sequence[dict[str, Any]]) -> bytes:
    """Realised recall@20 over the days, of published lists and popular items, with its intervals, as PNG.

    Args:
        rows: of the table `realised`, all users at k = 20.
    """
    import matplotlib

    matplotlib.use("Agg")
    return _picture(lambda axes: _realised(axes, rows))


def over_nights(nights: Sequence[Judged]) -> bytes:
    """Challenger, champion and best baseline of each night, promotions marked, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    return _picture(lambda axes: _nights(axes, nights))


def _picture(paint: Any) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.6), dpi=100, layout="constrained")  # wider ones do not fit the pages of assets
    axes = figure.subplots()
    paint(axes)
    axes.spines[["top", "right"]].set_visible(False)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _training_curve(axes: Any, losses: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    for member, points in losses.items():
        axes.plot([epoch for epoch, _ in points], [loss for _, loss in points], marker="o", label=member)
    if len(losses) > 1:
        _legend(axes)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="epoch", ylabel="loss", title="Training")


def _legend(axes: Any) -> None:
    """Names below the axes, where they cover no point."""
    axes.figure.legend(loc="outside lower center", ncols=3, fontsize="small", frameon=False)


def _dates(axes: Any, days: Sequence[Any]) -> None:
    """Whole days below the axis, at most eight of them."""
    shown = days[:: -(-len(days) // 8) or 1]
    axes.set_xticks(shown, [f"{day:%d %b}" for day in shown], rotation=45)


def _name(row: dict[str, Any]) -> str:
    return str(row["model"] if row["role"] == "baseline" else row["role"])


def _by_length(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    prefix = "session length="
    wanted = [row for row in rows if row["metric"] == METRIC and row["segment"].startswith(prefix)]
    labels = list(dict.fromkeys(row["segment"].removeprefix(prefix) for row in wanted))
    names = list(dict.fromkeys(_name(row) for row in wanted if row["role"] != "served"))
    for place, name in enumerate(names):
        own = {row["segment"].removeprefix(prefix): row for row in wanted if _name(row) == name and row["n"]}
        beside = 0.6 * ((place + 0.5) / len(names) - 0.5)  # of one length beside each other, so that intervals are seen
        values = [row["value"] for row in own.values()]
        spread = [
            [row["value"] - row["low"] for row in own.values()],
            [row["high"] - row["value"] for row in own.values()],
        ]
        axes.errorbar([labels.index(one) + beside for one in own], values, spread, fmt="o", markersize=4, label=name)
    events = {row["segment"].removeprefix(prefix): row["n"] for row in wanted if row["role"] == "challenger"}
    axes.set_xticks(range(len(labels)), [f"{label}\nn = {events.get(label, 0):,}" for label in labels])
    axes.set(xlabel="events in the session", ylabel=METRIC, title="Recall by session length", ylim=(0, None))
    _legend(axes)


def _coverage(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    overall = [row for row in rows if row["segment"] == "all" and row["role"] != "served"]
    for name in dict.fromkeys(_name(row) for row in overall):
        values = {row["metric"]: row["value"] for row in overall if _name(row) == name}
        axes.scatter(values["coverage@20"], values[METRIC])
        axes.annotate(
            name, (values["coverage@20"], values[METRIC]), fontsize="small", xytext=(4, 4), textcoords="offset points"
        )
    axes.set(xlabel="coverage@20", ylabel=METRIC, title="Coverage against recall")
    axes.margins(0.2)


def _nights(axes: Any, nights: Sequence[Judged]) -> None:
    places = [one.night for one in nights]
    for name, style in (("best", "tab:grey"), ("champion", "tab:orange"), ("challenger", "tab:blue")):
        rows = [getattr(one, name) for one in nights]
        values = [row["value"] if row else None for row in rows]
        axes.plot(places, values, color=style, marker=".", label="best baseline" if name == "best" else name)
        if name == "challenger":
            axes.fill_between(places, [row["low"] for row in rows], [row["high"] for row in rows], alpha=0.2)
    won = [one for one in nights if one.gate == "promoted"]
    ring = {"s": 90, "facecolors": "none", "edgecolors": "tab:green", "label": "promoted"}
    axes.scatter([one.night for one in won], [one.challenger["value"] for one in won], **ring)
    axes.set(xlabel="night", ylabel=METRIC, title="Challenger, champion, best baseline", ylim=(0, None))
    _dates(axes, places)
    _legend(axes)


def _realised(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    for lists, name in LISTS.items():
        part = [row for row in rows if row["lists"] == lists]
        days = [row["run_date"] for row in part]
        axes.plot(days, [row["recall"] for row in part], marker="o", label=name)
        axes.fill_between(days, *([row[f"recall_{end}"] for row in part] for end in ("low", "high")), alpha=0.2)
    axes.set(xlabel="day", ylabel=METRIC, title="What readers' lists were worth", ylim=(0, None))
    _dates(axes, sorted({row["run_date"] for row in rows}))
    _legend(axes)


def _reliability(axes: Any, reliability: Any) -> None:
    most = min(1.0, 1.1 * max([*reliability.confidence, *reliability.accuracy, 0.05]))  # the points fill the picture
    axes.locator_params(nbins=5)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.plot(reliability.confidence, reliability.accuracy, marker="o")
    axes.set(
        xlabel="said probability of the first item", ylabel="share of hits",
        title=f"Reliability (expected calibration error {reliability.ece:.3f})", xlim=(0, most), ylim=(0, most),
    )  # fmt: skip
