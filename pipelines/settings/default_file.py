"""`default.toml`, for people: every knob with its default and its meaning, written from the sections' fields.

    python -m pipelines.settings.default_file

No code reads that file; a test holds it to what this command writes.
"""

import json
from pathlib import Path

from pydantic.fields import FieldInfo

from pipelines.settings.knobs import Knobs

DEFAULT_FILE = Path(__file__).with_name("default.toml")
HEAD = """\
# Every knob of the nightly pipeline, with what it means. Change none here: write those that differ for your shop into
# <data folder>/pipeline.toml (or the file named by GRU4REC_CONFIG), under the same section names. The Dagster launchpad
# shows your values and these comments, so the schedule, the UI and the shell run with the same settings.
# Written by `python -m pipelines.settings.default_file`.
"""


def default_text() -> str:
    """The whole file."""
    parts = [HEAD]
    for section, kind in Knobs.model_fields.items():
        knobs = type(kind.default).model_fields
        parts.append(
            "\n".join([f"[{section}]", *(_line(section, name, field) for name, field in knobs.items())]) + "\n"
        )
    return "\n".join(parts)


def _line(section: str, name: str, field: FieldInfo) -> str:
    if isinstance(field.default, dict):
        return f"[{section}.{name}] # {field.description}"
    if field.default is None:
        return f"# {name} = {json.dumps(field.examples and field.examples[0])} # {field.description}"
    return f"{name} = {json.dumps(field.default, ensure_ascii=False)} # {field.description}"


if __name__ == "__main__":
    DEFAULT_FILE.write_text(default_text(), encoding="utf-8")
