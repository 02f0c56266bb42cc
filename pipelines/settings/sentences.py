"""A mistake in the knobs as one sentence: which section, which knob, what it was, and what it may be."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from gru4rec.config.sentences import shown
from pipelines.settings.knobs import Knobs

WANTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of 64 bits",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table of single values",
}
BOUNDS = {"greater_than_equal": "of at least {ge}", "greater_than": "above {gt}", "less_than_equal": "of at most {le}"}


def in_file(error: ValidationError) -> str:
    """The first mistake in all `Knobs`, without a full stop at the end."""
    first = error.errors()[0]
    section, *where = first["loc"]
    if not where:
        return _about_a_section(str(section), first)
    if first["type"] == "extra_forbidden":
        known = getattr(Knobs(), str(section)).model_dump()
        return f"[{section}]: unknown knob {shown(str(where[0]))}; {near(str(where[0]), known)}"
    return f"[{section}]: {_about_a_knob(where, first)}"


def in_section(error: ValidationError) -> str:
    """The first mistake in the fields of sections, without a full stop at the end."""
    first = error.errors()[0]
    return _about_a_knob(first["loc"], first)


def near(name: str, known: Collection[str]) -> str:
    """Which name may have been meant by one that is not known; all names where none is alike."""
    if found := difflib.get_close_matches(name, known, n=1, cutoff=0.4):
        return f"did you mean {found[0]}?"
    return f"known are: {', '.join(sorted(known))}"


def _about_a_section(name: str, error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown section [{name[:80]}]; {near(name, Knobs.model_fields)}"
    return f"{name} is {shown(error['input'])}; write it as a section, [{name}], with its knobs below"


def _about_a_knob(where: Sequence[str | int], error: Mapping[str, Any]) -> str:
    """where: the knob's name, then the place in it, if the knob is a list."""
    return f"{where[0]} {'holds' if where[1:] else 'is'} {shown(error['input'])}; {_may_be(error)}"


def _may_be(error: Mapping[str, Any]) -> str:
    kind, limits = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        return f"use one of {limits['expected'].replace(' or ', ', ')}"
    if kind in BOUNDS:
        return f"use a number {BOUNDS[kind].format(**limits)}"
    if kind == "string_too_short":
        return "it must not be empty"
    if kind == "string_too_long":
        return f"use at most {limits['max_length']} characters"
    if kind == "finite_number":
        return "use a finite number"
    if kind == "value_error":
        return str(limits["error"])
    return f"use {WANTED[kind]}" if kind in WANTED else str(error["msg"])
