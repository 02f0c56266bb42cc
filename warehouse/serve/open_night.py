"""One night held open: every answer that it gives is of one version of the table, whatever is published meanwhile.

Notable: open files stay readable when the night is replaced, and after vacuum has removed them.
"""

from pathlib import Path

from deltalake import DeltaTable

from warehouse.recommendations.reading.lookup import Lookup
from warehouse.recommendations.reading.snapshots import Night, newest
from warehouse.recommendations.reading.titles import Titles, items_file
from warehouse.recommendations.table import HasRecommendations, open_table, table_path


class OpenNight:
    """The newest whole night of a table, with its files open and the titles of its items in memory."""

    def __init__(self, where: HasRecommendations | str | Path) -> None:
        """Open it; `NoNight` where there is none."""
        self.path = table_path(where)
        self._table: DeltaTable = open_table(self.path)
        self.night: Night = newest(self._table, self.path, None, None)
        self._text = str(self.night.schema.field("user_id").type) == "string"
        self._lookup = Lookup(self.night.files)
        self._items = items_file(self.path, self.night.run_date)
        self._titles = Titles()
        if self._items is not None:
            self._titles.of(self._items, [])  # read now, not while somebody waits for an answer

    def successor(self) -> "OpenNight | None":
        """The newest night as the table shows it now, opened; None where the table has not changed."""
        self._table.update_incremental()
        return None if self._table.version() == self.night.version else OpenNight(self.path)

    def best(self, user: str, n: int) -> list[dict[str, object]]:
        """The best n items of a user, whose id is given as text, in the shape of `for_user`; [] for an unknown user."""
        if self._text:
            rows = self._lookup.best(user, n)
        elif _is_int64(user):
            rows = self._lookup.best(int(user), n)
        else:
            return []
        titles = {} if self._items is None else self._titles.of(self._items, [row[0] for row in rows])
        return [
            {"item_id": item, "title": titles.get(item), "score": score, "model": model} for item, score, model in rows
        ]

    def close(self) -> None:
        """Close its files."""
        self._lookup.close()


def _is_int64(text: str) -> bool:
    """Whether a text is how a 64-bit integer is written; 07 and +7 are not."""
    digits = text.removeprefix("-")
    return (
        digits.isascii() and digits.isdecimal() and len(digits) <= 19 and str(int(text)) == text
        and -(2**63) <= int(text) < 2**63
    )  # fmt: skip
