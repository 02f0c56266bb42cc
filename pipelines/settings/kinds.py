"""The kinds of value that several knobs have: a day, a share, a metric, ... Each refuses what it cannot be.

A validator's error says what the knob may be; which knob it is, and what it was, stands before it (sentences.py).
"""

import re
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from gru4rec.config.values import RANK_METRIC

FILE_NAME = re.compile(r"\w([\w .+-]*[\w+-])?")
LONGEST_NAME = 200  # bytes: with an ending, a file's name may have 255
CRON = re.compile(r"@\w+|\S+( \S+){4}")


def _as_text(value: Any) -> Any:
    """TOML has dates of its own: first_day = 2026-01-31, without quotes."""
    return value.isoformat() if isinstance(value, date) else value


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("use a date like 2026-01-31") from None
    return value


def _cron(value: str) -> str:
    if not CRON.fullmatch(value):
        raise ValueError('use five fields, such as "0 2 * * *" for two o\'clock')
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("use a time zone like Europe/Berlin or UTC") from None
    return value


def _rank_metric(value: str) -> str:
    if not RANK_METRIC.fullmatch(value):
        raise ValueError("use recall@k, mrr@k or ndcg@k, such as recall@20")
    return value


def _file_name(value: str) -> str:
    if not FILE_NAME.fullmatch(value) or len(value.encode()) > LONGEST_NAME:
        raise ValueError("use a plain name of letters, digits, blanks, dots, - and _: files are named after it")
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


def _item_list(value: str) -> str:
    from warehouse.steps.contexts.shelf import judge_list

    judge_list(value)
    return value


Day = Annotated[str, BeforeValidator(_as_text), AfterValidator(_day)]
Cron = Annotated[str, AfterValidator(_cron)]
Zone = Annotated[str, AfterValidator(_zone)]
RankMetric = Annotated[str, AfterValidator(_rank_metric)]
ItemList = Annotated[str, AfterValidator(_item_list)]  # an allow or a deny list
Name = Annotated[str, Field(min_length=1)]
FileName = Annotated[str, AfterValidator(_file_name)]  # becomes the name of a file in the data folder
SparkSettings = Annotated[dict[str, str], BeforeValidator(_spark_settings)]
IdType = Literal["auto", "int64", "string"]
AtLeastOne = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(ge=1e-6)]
Share = Annotated[float, Field(ge=0, le=1)]
GateMetric = Literal["recall@20", "mrr@20", "ndcg@20"]  # the evaluation measures the difference between models in these
Refit = Literal["full", "continue", "none"]
BaselineName = Literal["popularity", "markov", "sequential rules", "V-SKNN", "VSTAN"]
