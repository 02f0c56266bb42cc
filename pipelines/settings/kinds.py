"""The kinds of value that several knobs have: a day, a share, a metric, ... Each refuses what it cannot be.

A validator's error says what the knob may be; which knob it is, and what it was, stands before it (sentences.py).
"""

import re
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from gru4rec.config.values import RANK_METRIC
from warehouse.config import MAX_COPIES, MAX_DAYS, MAX_GAP
from warehouse.values import a_memory_size, a_zone

FILE_NAME = re.compile(r"\w([\w .+-]*[\w+-])?")
LONGEST_NAME = 200  # bytes: with an ending, a file's name may have 255
DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
MOST_CAPS = 8
LONGEST_LIST = 100_000  # characters of an allow or a deny list
CRON = re.compile(r"@\w+|\S+( \S+){4}", re.ASCII)


def _as_text(value: Any) -> Any:
    """TOML has dates of its own: first_day = 2026-01-31, without quotes."""
    return value.isoformat() if isinstance(value, date) else value


def _day(value: str) -> str:
    try:
        day = date.fromisoformat(value)
        known = 1970 <= day.year < 2200 and day.isoformat() == value  # not 20260131, which Dagster cannot read
    except ValueError:
        known = False
    if not known:
        raise ValueError("use a date like 2026-01-31, of the years 1970 to 2199")
    return value


def _cron(value: str) -> str:
    """Judged by Dagster, which is to tick by it; one that never comes is refused too."""
    import dagster as dg
    from dagster._utils.schedules import schedule_execution_time_iterator

    try:
        if not value.isascii() or not CRON.fullmatch(value):
            raise ValueError
        dg.ScheduleDefinition(name="nightly", cron_schedule=value, job_name="nightly")
        next(schedule_execution_time_iterator(0.0, value, "UTC"))
    except (ValueError, dg.DagsterInvalidDefinitionError):
        raise ValueError(
            'use five fields that some time fits, such as "0 2 * * *" for two o\'clock, or a word like @daily'
        ) from None
    return value


def _zone(value: str) -> str:
    try:
        return a_zone("timezone", value)
    except ValueError:
        raise ValueError("use a time zone like Europe/Berlin or UTC") from None


def _rank_metric(value: str) -> str:
    if not RANK_METRIC.fullmatch(value):
        raise ValueError("use recall@k, mrr@k or ndcg@k, such as recall@20")
    return value


def _file_name(value: str) -> str:
    if not FILE_NAME.fullmatch(value) or len(value.encode()) > LONGEST_NAME:
        raise ValueError("use a plain name of letters, digits, blanks, dots, - and _: files are named after it")
    return value


def _memory_size(value: str) -> str:
    try:
        a_memory_size("memory_limit", value)
    except ValueError:
        raise ValueError("write it like 4GB or 500MB, or like 50% for a share of the memory") from None
    return value


def _device(value: str) -> str:
    if not DEVICE.fullmatch(value):
        raise ValueError('use "auto", "cpu", "cuda", or "cuda:1" for the second GPU')
    return value


def _registered_name(value: str) -> str:
    """MLflow finds models by an address and by a filter, in which some characters mean something else."""
    if not value.strip(" .") or not value.isprintable() or set(value) & set("/:'\"#?@"):
        raise ValueError("use a name without / and :, quotes, #, ? and @")
    if value == "Default":
        raise ValueError("MLflow keeps that name for runs that belong nowhere, outside of the data folder: use another")
    return value


def _baselines(value: list[str]) -> list[str]:
    if "popularity" not in value:
        raise ValueError("popularity must be among them: the gate promotes no model that is not seen to beat it")
    if len(set(value)) < len(value):
        raise ValueError("name each once")
    return value


def _tuned_name(value: str) -> str:
    if value == "auto":
        raise ValueError('use another name: [model] preset = "auto" would no longer look at the data')
    return value


def _webhook(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if value and (not usable or not value.isascii() or not value.isprintable() or " " in value):
        raise ValueError('use an address like https://chat.example.org/hooks/abc, or "" for none')
    return value


def _spark_settings(value: Any) -> Any:
    """TOML's numbers and truth values as Spark writes them."""
    if not isinstance(value, dict):
        return value
    plain = {name: str(one).lower() if isinstance(one, bool) else str(one) for name, one in value.items()
             if isinstance(one, str | int | float)}  # fmt: skip
    if len(plain) < len(value) or not all(name.startswith("spark.") for name in value):
        raise ValueError('use full names in quotes, such as "spark.executor.memory" = "4g"')
    return plain


def _caps(value: Any) -> Any:
    """Each line of a table: a column -> {most, first}; first may be left out."""
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise ValueError("write a line below it for each column, like brand = {most = 2, first = 10}")
    if len(value) > MOST_CAPS or set(value) & {"", "item_id", "new"}:
        raise ValueError(f"name at most {MOST_CAPS} columns of items, none of them item_id or new")
    for one in value.values():
        if "most" not in one or set(one) - {"most", "first"}:
            raise ValueError("say most and, where it is not 10, first of each column: brand = {most = 2, first = 10}")
    return {column: {"first": 10, **one} for column, one in value.items()}


def _item_list(value: str) -> str:
    from warehouse.steps.contexts.shelf import judge_list

    if len(value) > LONGEST_LIST:
        raise ValueError(f"it has {len(value)} characters; put so many items into a file with item_id")
    judge_list(value)
    return value


Day = Annotated[str, BeforeValidator(_as_text), AfterValidator(_day)]
Cron = Annotated[str, AfterValidator(_cron)]
Zone = Annotated[str, AfterValidator(_zone)]
Webhook = Annotated[str, AfterValidator(_webhook)]
RankMetric = Annotated[str, AfterValidator(_rank_metric)]
ItemList = Annotated[str, AfterValidator(_item_list)]  # an allow or a deny list
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Column = Annotated[str, Field(max_length=LONGEST_NAME)]  # of the raw files; "" for none
RegisteredName = Annotated[Name, AfterValidator(_registered_name)]  # of an experiment or a model in MLflow
MemorySize = Annotated[str, AfterValidator(_memory_size)]
Device = Annotated[str, AfterValidator(_device)]
FileName = Annotated[str, AfterValidator(_file_name)]  # becomes the name of a file in the data folder
TunedName = Annotated[FileName, AfterValidator(_tuned_name)]  # of a preset that tuning writes
Caps = Annotated[dict[Name, dict[str, Annotated[int, Field(ge=1, le=32_767)]]], BeforeValidator(_caps)]
SparkSettings = Annotated[dict[str, str], BeforeValidator(_spark_settings)]
IdType = Literal["auto", "int64", "string"]
LARGEST = 2**31 - 1
AtLeastOne = Annotated[int, Field(ge=1, le=LARGEST)]
NotNegative = Annotated[int, Field(ge=0, le=LARGEST)]
Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]
NoDays = Annotated[int, Field(ge=0, le=MAX_DAYS)]
Copies = Annotated[int, Field(ge=1, le=MAX_COPIES)]
Threads = Annotated[int, Field(ge=0, le=1024)]
Processes = Annotated[int, Field(ge=1, le=1024)]
ListLength = Annotated[int, Field(ge=1, le=32_767)]  # ranks are 16-bit numbers
Minutes = Annotated[float, Field(ge=1e-6, le=MAX_GAP)]
Positive = Annotated[float, Field(ge=1e-6, le=1e9)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
ScoreShift = Annotated[
    float,
    Field(
        gt=0, description="audit: the mean score may move by so many standard deviations of the night before; inf off"
    ),
]
GateMetric = Literal["recall@20", "mrr@20", "ndcg@20"]  # the evaluation measures the difference between models in these
Refit = Literal["full", "continue", "none"]
BaselineName = Literal["popularity", "markov", "sequential rules", "V-SKNN", "VSTAN"]
Baselines = Annotated[list[BaselineName], AfterValidator(_baselines)]
UnreadableChampion = Literal["judge", "refuse"]
