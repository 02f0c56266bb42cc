"""The report as one HTML page: charts and tables of what `contents` read. Jinja escapes everything that is data."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pipelines.evaluation.figures import LISTS
from pipelines.evaluation.table import BASELINE, CHALLENGER, SERVED
from pipelines.reports import drawings
from pipelines.reports.contents import METRIC, TOP, Contents, Data, Model, Realised
from pipelines.reports.drawings import Interval, Layer, Line

if TYPE_CHECKING:
    from warehouse.account.exposure import Tenth

TEMPLATE = "night.html.j2"
METRICS = ("recall@20", "mrr@20", "ndcg@20", "coverage@20")
LENGTH = "session length="
REASONS = 4  # of rejected rows that have a colour of their own
DEPTH = 20  # of the realised figures that are shown by group
Row = dict[str, Any]


def render(contents: Contents) -> str:
    """The whole page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": _number, "share": _share, "figure": _figure, "moment": _moment, "change": _change}
    return environment.get_template(TEMPLATE).render(
        night=contents.night,
        data=contents.data,
        model=contents.model,
        lists=contents.lists,
        realised=contents.realised,
        headline=_headline(contents),
        charts=_charts(contents),
        models=_models(contents.model),
        served=next((row for row in contents.model.rows if _is_overall(row, METRIC) and row["role"] == SERVED), None),
        metrics=METRICS,
        top=TOP,
        by_length=_by_length(contents.model),
        reasons=[(layer.look, layer.name) for layer in _reasons(contents.data)],
        lists_named=LISTS,
        depths=[row for row in contents.realised.today if row["by"] == "all"],
        groups=_groups(contents.realised),
    )


def _headline(contents: Contents) -> list[tuple[str, str, str]]:
    """The few figures that matter first: name, figure, a word on it."""
    today, lists = contents.data.today, contents.lists
    mine = next((row for row in contents.model.rows if _is_overall(row, METRIC) and row["role"] == CHALLENGER), None)
    seen = [row for row in contents.realised.curve if row["lists"] == "published"]
    found = [("Events", f"{today.events:,}", f"{today.rejected:,} rejected, {today.users:,} users")] if today else []
    if mine:
        found.append(
            (
                "Offline recall@20",
                f"{mine['value']:.3f}",
                f"[{mine['low']:.3f}, {mine['high']:.3f}], {mine['n']:,} predictions",
            )
        )
    if seen and seen[-1]["run_date"] == contents.night:
        last = seen[-1]
        found.append(
            (
                "Realised recall@20",
                f"{last['recall']:.3f}",
                f"[{last['recall_low']:.3f}, {last['recall_high']:.3f}], {last['users']:,} users",
            )
        )
    if lists:
        found.append(("Lists", f"{lists.now.users:,}", f"by version {lists.now.model_version}"))
    return found


def _charts(contents: Contents) -> dict[str, Markup]:
    found = {}
    days = contents.data.by_day
    if days:
        labels = [_short(day) for day, *_ in days]
        events, rejected = [events for _, events, _ in days], [rejected for *_, rejected in days]
        came = [Layer("events", "bars", events), Layer("rejected", "rejected", rejected)]
        found["arrivals"] = drawings.bars(labels, came)
        found["drift"] = drawings.lines(labels, [Line("distance to the day before", "drift", contents.data.drifted)])
    if reasons := _reasons(contents.data):
        found["reasons"] = drawings.bars(labels, reasons)
    if contents.data.sessions:
        lengths = contents.data.sessions.by_length
        found["lengths"] = drawings.bars(list(lengths), [Layer("sessions", "bars", list(lengths.values()))])
    if contents.lists and contents.lists.exposure:
        found["exposure"] = _exposure(contents.lists.exposure)
    if contents.model.rows:
        found["models"] = drawings.intervals([_interval(row) for row in _shown(contents.model)])
    if contents.model.nights:
        found["nights"] = _over_nights(contents.model)
    if contents.realised.curve:
        found["realised"] = _realised(contents.realised, contents.model)
    return found


def _reasons(data: Data) -> list[Layer]:
    """Rejected rows by day: the most frequent reasons one by one, all others together."""
    totals: Counter[str] = Counter()
    for day in data.rejected:
        totals.update(day)
    named = [reason for reason, _ in totals.most_common(REASONS)]
    layers = [(reason, [day.get(reason, 0) for day in data.rejected]) for reason in named]
    if len(totals) > REASONS:
        others = [sum(rows for reason, rows in day.items() if reason not in named) for day in data.rejected]
        layers.append(("other reasons", others))
    return [Layer(reason, f"reason{number}", rows) for number, (reason, rows) in enumerate(layers, start=1)]


def _exposure(tenths: "Sequence[Tenth]") -> Markup:
    """Each tenth of the items by popularity: its share of the events, and of the first places of the lists."""
    series = [
        Line("share of events", "baseline", [tenth.events for tenth in tenths]),
        Line("share of places", "published", [tenth.places for tenth in tenths]),
    ]
    return drawings.lines([str(number) for number in range(1, len(tenths) + 1)], series)


def _over_nights(model: Model) -> Markup:
    nights = model.nights
    series = []
    for look, name in (("best", "best baseline"), ("champion", "champion before"), ("challenger", "challenger")):
        rows = [getattr(one, look) for one in nights]
        values = [row["value"] if row else None for row in rows]
        spread = [(row["low"], row["high"]) if row and look == "challenger" else None for row in rows]
        marked = [one.gate == "promoted" and look == "challenger" for one in nights]
        series.append(Line(name, "baseline" if look == "best" else look, values, spread, marked, "promoted"))
    return drawings.lines([_short(one.night) for one in nights], series)


def _realised(realised: Realised, model: Model) -> Markup:
    """Published lists and popular items by day, beside what the evaluation said of the night's challenger."""
    days = sorted({row["run_date"] for row in realised.curve})
    series = []
    for look in ("popular", "published"):
        rows = {row["run_date"]: row for row in realised.curve if row["lists"] == look}
        series.append(
            Line(
                LISTS[look], look, [rows[day]["recall"] for day in days],
                [(rows[day]["recall_low"], rows[day]["recall_high"]) for day in days],
            )
        )  # fmt: skip
    offline = {one.night: one.challenger["value"] for one in model.nights}
    series.append(Line("offline recall@20", "offline", [offline.get(day) for day in days]))
    return drawings.lines([_short(day) for day in days], series)


def _groups(realised: Realised) -> list[Row]:
    """What published lists were worth to groups of users, those by length in the order of length."""
    rows = [row for row in realised.today if row["by"] != "all" and (row["lists"], row["k"]) == ("published", DEPTH)]
    return sorted(rows, key=lambda row: (row["by"], _first_number(row["group"]), row["group"]))


def _first_number(text: str) -> int:
    """The number that a class of lengths starts with; 0 for another group."""
    found = re.match(r"\d+", text)
    return int(found[0]) if found else 0


def _is_overall(row: Row, metric: str) -> bool:
    return bool(row["segment"] == "all" and row["metric"] == metric)


def _shown(model: Model) -> list[Row]:
    """Rows of the deciding metric, best first; the served checkpoint, which knows the test days, is not among them."""
    rows = [row for row in model.rows if _is_overall(row, METRIC) and row["role"] != SERVED]
    return sorted(rows, key=lambda row: -row["value"])


def _name(row: Row) -> str:
    return str(row["model"]) if row["role"] == BASELINE else f"{row['role']}, v{row['model_version']}"


def _interval(row: Row) -> Interval:
    return Interval(_name(row), row["role"], row["value"], row["low"], row["high"])


def _models(model: Model) -> list[Row]:
    """One row a model: its name, the metrics with their intervals, and the challenger's difference to it."""
    rows = []
    for main in _shown(model):
        same = [row for row in model.rows if (row["role"], row["model"]) == (main["role"], main["model"])]
        metrics = {metric: next((row for row in same if _is_overall(row, metric)), None) for metric in METRICS}
        rows.append({"name": _name(main), "role": main["role"], "main": main, "metrics": metrics})
    return rows


def _by_length(model: Model) -> list[Row]:
    """Recall of the challenger and the best baseline by the session's length, with numbers and intervals."""
    best = next((row["model"] for row in _shown(model) if row["role"] == BASELINE), None)
    wanted = [row for row in model.rows if row["metric"] == METRIC and row["segment"].startswith(LENGTH)]
    mine = [row for row in wanted if row["role"] == CHALLENGER and row["n"]]
    other = {row["segment"]: row for row in wanted if row["role"] == BASELINE and row["model"] == best}
    return [
        {"length": row["segment"].removeprefix(LENGTH), "mine": row, "best": other.get(row["segment"])} for row in mine
    ]


def _short(day: Any) -> str:
    return f"{day:%d %b}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _moment(value: Any) -> str:
    return f"{value:%d %b %H:%M}"


def _change(now: float, before: float | None) -> str:
    """How much a number grew: "+3.1%"."""
    return f"{now / before - 1:+.1%}" if before else "–"
