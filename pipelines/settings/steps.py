"""What a step of `warehouse` is configured with, from the knobs of the same names."""

from typing import Any, TypeVar

from pydantic import BaseModel

Step = TypeVar("Step")


def step_config(kind: type[Step], *given: BaseModel) -> Step:
    """A dataclass of `warehouse`, each field from the knob of its name.

    Args:
        kind: the dataclass.
        given: the sections that hold its knobs; where two have one of the same name, the later one counts.

    Raises:
        ValueError: the step refuses a value.
    """
    values: dict[str, Any] = {name: value for section in given for name, value in section.model_dump().items()}
    fields: Any = kind
    return kind(**{name: values[name] for name in fields.__dataclass_fields__})
