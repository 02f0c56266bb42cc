"""A night in groups of users: each group writes its parts and audits them, wherever it runs; here they are added up.

Notable: every attempt of a group writes into a folder of its own. What counts is what the attempt returns, so of a
group that was tried twice, or that two machines worked at, one attempt's parts are published. The rest goes with the
folder of the staged night.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.recommendations.kinds import RECOMMENDED
from warehouse.recommendations.limits import Expected
from warehouse.recommendations.parts import PartsWriter, part_schema, row_groups, schema_of
from warehouse.recommendations.publishing.auditing import figures_of


@dataclass(frozen=True)
class GroupWritten:
    """What one group of users wrote.

    Args:
        files: parts, in order of user and rank; none for a group without users.
        rows: of all parts.
        bounds: the first and the last user; None without users.
        figures: of the group's audit.
    """

    files: tuple[Path, ...]
    rows: int
    bounds: tuple[Any, Any] | None
    figures: Mapping[str, int]

    def to_json(self) -> str:
        """As text, for the way from one process to another."""
        return json.dumps({**vars(self), "files": [str(file) for file in self.files], "figures": dict(self.figures)})

    @classmethod
    def from_json(cls, text: str) -> GroupWritten:
        """From what `to_json` gave."""
        found = json.loads(text)
        bounds = None if found["bounds"] is None else tuple(found["bounds"])
        return cls(tuple(map(Path, found["files"])), found["rows"], bounds, found["figures"])


@dataclass(frozen=True)
class GroupWriter:
    """Writes a group's lists into the folder of a staged night, and audits them.

    Args:
        folder: of the staged night; every machine sees it under this path.
        constants: name and value of the columns that are the same on every row.
        expected: what the night was asked for.
    """

    folder: Path
    constants: Mapping[str, object]
    expected: Expected

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> str:
        """Write batches with the columns of `tables.STAGED_NIGHT`, by user and rank; returns a GroupWritten as JSON."""
        source = iter(batches)
        first = next(source, None)
        if first is None:
            return GroupWritten((), 0, None, {}).to_json()
        schema = part_schema(schema_of(first.schema, RECOMMENDED))
        own = self.folder / f"group-{secrets.token_hex(8)}"
        own.mkdir()
        writer = PartsWriter(own, schema, RECOMMENDED.owner)
        users: list[Any] = []
        rows = 0
        try:
            for table in row_groups(chain([first], source), schema, self.constants, RECOMMENDED):
                writer.write(table)
                rows += table.num_rows
                users = [*users[:1], table["user_id"][0].as_py(), table["user_id"][-1].as_py()]
            writer.close()
        except BaseException:
            writer.abandon()
            raise
        figures = figures_of(writer.files, self.expected)
        return GroupWritten(tuple(writer.files), rows, (users[0], users[-1]), figures).to_json()


def added(groups: Sequence[GroupWritten]) -> dict[str, int]:
    """The figures of a night from those of its groups; a user below one of an earlier group is a broken rank."""
    total: dict[str, int] = {"rows": 0, "users": 0}
    last: Any = None
    for group in groups:
        for name, value in group.figures.items():
            total[name] = total.get(name, 0) + value
        if group.bounds is not None:
            total["broken_ranks"] += int(last is not None and group.bounds[0] <= last)
            last = group.bounds[1]
    return total
