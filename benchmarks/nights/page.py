"""The table, the reasons and the picture of ten nights (see ten_nights.py), from its nights.json."""

from pathlib import Path
from typing import Any

Row = dict[str, Any]
HEAD = (
    "night",
    "challenger, recall@20",
    "champion before, same sessions",
    "challenger − champion",
    "version 1, had it stayed",
    "best baseline",
    "decision",
    "lists from",
)


def page(rows: list[Row]) -> str:
    """The table, then the gate's own sentences for the nights that were spoiled or refused."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    told = [row for row in rows if row["trouble"] or row["decision"] != "promoted"]
    lines += [
        "",
        *(f"- **{row['night']}**, {row['trouble'] or 'a healthy night'}: {' '.join(row['reasons'])}" for row in told),
    ]
    return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    mine, champion, first, best = (row[name] for name in ("challenger", "champion", "first", "best"))
    return [
        row["night"] + (" ⚠" if row["trouble"] else ""),
        f"v{mine['version']} {mine['value']:.4f} [{mine['low']:.4f}, {mine['high']:.4f}]" if mine else "none",
        f"v{champion['version']} {champion['value']:.4f}" if champion else "none",
        _difference(champion) if champion else "",
        f"{first['value']:.4f}" if first else "",
        f"{best['model']} {best['value']:.4f}" if best else "",
        f"**{row['decision']}**: {_why(row)}",
        ", ".join(f"v{version}" for version in row["lists_from"]),
    ]


def _difference(other: Row) -> str:
    return f"{other['difference']:+.4f} [{other['difference_low']:+.4f}, {other['difference_high']:+.4f}]"


def _why(row: Row) -> str:
    champion = row["champion"]
    if row["decision"] != "promoted":
        return "see below"
    if champion is None:
        return "first night, floors only"
    return "better beyond noise" if champion["difference_low"] > 0 else "not worse, and newer"


def draw(rows: list[Row], file: Path) -> None:
    """The challengers with their intervals, the champions, version 1 grown old, and what the gate said."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
    axes = figure.subplots()
    nights = [row["night"][5:] for row in rows]
    places = range(len(rows))

    def line(name: str, label: str, **style: Any) -> None:
        known = [(place, row[name]["value"]) for place, row in enumerate(rows) if row[name]]
        axes.plot([place for place, _ in known], [value for _, value in known], label=label, **style)

    line("best", "best baseline", color="tab:grey", linewidth=1)
    line("first", "version 1, had it stayed", color="tab:grey", linestyle="--")
    line("champion", "champion before, on the same sessions", color="tab:orange", marker="s", markersize=4)
    for decision, color, marker in (("promoted", "tab:blue", "o"), ("refused", "tab:red", "X")):
        chosen = [place for place in places if rows[place]["decision"] == decision]
        mine = [rows[place]["challenger"] for place in chosen]
        values = [one["value"] for one in mine]
        spread = [[one["value"] - one["low"] for one in mine], [one["high"] - one["value"] for one in mine]]
        if chosen:
            axes.errorbar(
                chosen,
                values,
                spread,
                fmt=marker,
                color=color,
                capsize=3,
                markersize=7,
                label=f"challenger, {decision}",
            )
    for place in (place for place in places if rows[place]["decision"] == "failed"):
        axes.annotate("training failed", (place, 0), rotation=90, color="tab:red", ha="center", fontsize="small")
    axes.set(xticks=list(places), xticklabels=nights, ylabel="recall@20", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize="small", frameon=False, ncols=2)
    figure.savefig(file, metadata={"Software": None})
