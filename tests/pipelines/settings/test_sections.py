"""Every knob stands once: described, shown by the launchpad, written to default.toml, and taken by its step."""

import dataclasses
import subprocess
import sys
import tomllib
from typing import Any, Literal, get_args, get_origin

import dagster as dg
import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from pipelines.settings import launchpad, list_sections, sections
from pipelines.settings.default_file import DEFAULT_FILE, default_text
from pipelines.settings.knobs import Knobs
from pipelines.settings.read import current_settings
from pipelines.settings.steps import step_config
from warehouse.config import ContextConfig, EventsConfig, SessionsConfig, SplitsConfig
from warehouse.recommendations.limits import AuditLimits

STEPS = [
    ((sections.Events(),), EventsConfig),
    ((sections.Sessions(),), SessionsConfig),
    ((sections.Splits(),), SplitsConfig),
    ((sections.Sessions(), list_sections.Contexts()), ContextConfig),
    ((list_sections.Recommendations(),), AuditLimits),
]
LAUNCHPADS = launchpad.Launchpad.__subclasses__()


def fields_of(step: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(step)}


@pytest.mark.parametrize(("given", "step"), STEPS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_steps_knobs_are_its_own_fields_with_the_same_defaults(
    given: tuple[sections.Section, ...], step: type[Any]
) -> None:
    assert step_config(step, *given) == step()
    if step not in (ContextConfig, AuditLimits):
        assert set(type(given[0]).model_fields) == fields_of(step)


def wrong_and_right(field: FieldInfo) -> tuple[list[Any], list[Any]]:
    """Values just outside and just inside what a field says that it may be."""
    wrong, right = [], []
    if get_origin(field.annotation) is Literal:
        return ["none of these"], list(get_args(field.annotation))
    if field.annotation is str and any(type(rule).__name__ == "AfterValidator" for rule in field.metadata):
        return ["none of these"], ["Europe/Athens" if field.default == "UTC" else "2026-01-31"]
    for rule in field.metadata:
        if (low := getattr(rule, "ge", None)) is not None:
            wrong.append(low - 1)
            right.append(low if field.annotation is int else float(low))
        if (high := getattr(rule, "le", None)) is not None:
            wrong.append(high + 1)
            right.append(high if field.annotation is int else float(high))
        if (above := getattr(rule, "gt", None)) is not None:
            wrong.append(above)
            right.append(above + 0.5)
        if getattr(rule, "min_length", None):
            wrong.append("")
            right.append("x")
    return wrong, right


@pytest.mark.parametrize(("given", "step"), STEPS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_knob_may_be_what_its_step_takes_and_nothing_else(
    given: tuple[sections.Section, ...], step: type[Any]
) -> None:
    """Field by field: what the knob refuses, the step refuses; what the knob takes at its bounds, the step takes."""
    compared = 0
    for section in given:
        for name in set(type(section).model_fields) & fields_of(step):
            wrong, right = wrong_and_right(type(section).model_fields[name])
            compared += len(wrong)
            for value in wrong:
                with pytest.raises(ValidationError):
                    type(section)(**{name: value})
                with pytest.raises(ValueError):
                    step(**{name: value})
            for value in right:
                assert getattr(type(section)(**{name: value}), name) == value
                step(**{name: value})
    assert compared or step is SplitsConfig


def test_every_knob_is_described() -> None:
    for _, section in Knobs():
        assert all(field.description for field in type(section).model_fields.values())


def test_the_assets_sections_reach_the_launchpad_with_this_shops_values() -> None:
    shown = {name for kind in LAUNCHPADS for name in kind.model_fields}
    for section in ("events", "items", "sessions", "splits", "model", "evaluation", "gate", "contexts", "tuning"):
        assert set(type(getattr(Knobs(), section)).model_fields) <= shown
    mine = current_settings().knobs
    assert launchpad.ModelKnobs().model_dump() == mine.model.model_dump()
    assert mine.model.preset == "rsc15", "the tests' own file says so"
    serving = launchpad.ServingKnobs()
    assert (serving.n, serving.window_days, serving.gap_minutes) == (10, 30, mine.sessions.gap_minutes)


def test_the_launchpad_takes_a_choice_as_text_and_shows_default_and_description() -> None:
    for kind in LAUNCHPADS:
        shown = kind.to_fields_dict()
        for name, value in kind().model_dump().items():
            field = shown[name]
            assert field.description == kind.model_fields[name].description
            assert value is None or field.default_value == value
            assert not isinstance(getattr(field.config_type, "inner_type", field.config_type), dg.Enum)


def test_a_value_that_cannot_be_meant_fails_with_a_sentence() -> None:
    with pytest.raises(dg.Failure) as caught:
        launchpad.EvaluationKnobs(baselines=["popularity", "vsknn"])
    assert str(caught.value.description).startswith("baselines holds 'vsknn'; use one of 'popularity', 'markov'")


def test_the_committed_default_file_is_the_one_that_the_command_writes() -> None:
    assert DEFAULT_FILE.read_text(encoding="utf-8") == default_text(), "run python -m pipelines.settings.default_file"


def test_the_default_file_says_what_holds_without_a_file() -> None:
    written = Knobs.model_validate(tomllib.loads(default_text()))
    assert written == Knobs()


def test_an_example_of_a_knob_without_a_default_can_be_meant() -> None:
    for _, section in Knobs():
        for name, field in type(section).model_fields.items():
            if field.default is None:
                assert field.examples
                type(section)(**{name: field.examples[0]})


def test_reading_the_settings_needs_no_heavy_library() -> None:
    code = "import sys; from pipelines.settings.read import load; load(); "
    code += "print({'dagster', 'torch', 'mlflow', 'duckdb', 'pyarrow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
