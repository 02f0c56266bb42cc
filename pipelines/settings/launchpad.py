"""The assets' configuration in the Dagster launchpad: the same knobs, with this shop's values as defaults.

So the schedule, the UI and the shell run with the same settings.
"""

from typing import Any, Literal, get_args, get_origin

import dagster as dg
from pydantic import BaseModel, ValidationError

from pipelines.settings import list_sections, model_sections, sections
from pipelines.settings.knobs import Knobs
from pipelines.settings.read import current_settings
from pipelines.settings.sentences import in_section


class Launchpad(dg.Config):
    """The knobs of the sections that a subclass names beside it; a value that cannot be meant fails the step."""

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise dg.Failure(description=in_section(error), allow_retries=False) from None

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Put the shop's values in the place of the defaults, and let Dagster take a choice as text.

        Dagster would turn a choice (a Literal) into an enumeration, or refuse it inside a list. The validation is
        compiled before and still knows the choices.
        """
        knobs = current_settings().knobs
        for name, field in cls.model_fields.items():
            field.default = getattr(getattr(knobs, _section_of(cls, name)), name)
        cls.model_rebuild(force=True)
        for field in cls.model_fields.values():
            field.annotation = _plain(field.annotation)


def _section_of(kind: type[BaseModel], name: str) -> str:
    """The section of the settings that a field comes from."""
    owner = next(base for base in kind.__mro__ if name in vars(base).get("__annotations__", {}))
    return next(section for section, knobs in Knobs() if isinstance(knobs, owner))


def _plain(annotation: Any) -> Any:
    """A field's type as Dagster reads it."""
    if get_origin(annotation) is Literal:
        return str
    if get_origin(annotation) is list:
        return list[_plain(get_args(annotation)[0])]  # type: ignore[misc]
    return dict if get_origin(annotation) is dict else annotation


class EventsKnobs(Launchpad, sections.Events):
    """[events]"""


class ItemsKnobs(Launchpad, sections.Items):
    """[items]"""


class SessionsKnobs(Launchpad, sections.Sessions):
    """[sessions]"""


class SplitsKnobs(Launchpad, sections.Splits):
    """[splits]"""


class ModelKnobs(Launchpad, model_sections.Model):
    """[model]"""


class EvaluationKnobs(Launchpad, model_sections.Evaluation):
    """[evaluation]"""


class GateKnobs(Launchpad, model_sections.Gate):
    """[gate]"""


class ServingKnobs(Launchpad, list_sections.Contexts, list_sections.Recommendations, sections.Cut):
    """[contexts] and [recommendations]; where a context's session ends is read from [sessions]."""


class SimilarKnobs(Launchpad, list_sections.SimilarItems, list_sections.Lists):
    """[similar_items]; what may be shown and how long nights are kept is read from [recommendations]"""


class TuningKnobs(Launchpad, model_sections.Tuning):
    """[tuning]"""
