"""What is learnt from or measured on, in one object: sessions, the vocabulary of their items, and the items' features.

    train, test = Dataset.from_table(frame, session="SessionId", item="ItemId", time="Time").split(last=0.1)

A training dataset has a vocabulary of its own: exactly the items that stand in its sessions, and with features the cold
items too. A held-out dataset has that of the training dataset: what training does not know is dropped, and counted.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from gru4rec.config.auto import Statistics
from gru4rec.config.options import FeatureConfig
from gru4rec.data.features import ITEM, ItemFeatures, encode_features, with_cold_items
from gru4rec.data.frames import ColumnNames, Frame, check_columns, read_frame
from gru4rec.data.ids import in_column
from gru4rec.data.sessions import Sessions
from gru4rec.data.streaming.events import EventStream
from gru4rec.data.streaming.grouping import grouped
from gru4rec.data.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Dataset:
    """Sessions with what their numbers stand for.

    Attributes:
        sessions: S sessions, encoded with `vocabulary`.
        vocabulary: the items that training knows; its counts are those of training, of held-out sessions too.
        items: the items table as it was given, one row an item, its item column named `item_id`.
        features: the selected columns of `items` in the order of `vocabulary`; `with_features` makes them.
        columns: where `held_out` looks for the events of further frames.
        source: of held-out sessions, the same before anything was dropped, so that `reencode` loses nothing.
    """

    sessions: Sessions
    vocabulary: Vocabulary
    items: pa.Table | None = None
    features: ItemFeatures | None = None
    columns: ColumnNames = field(default_factory=ColumnNames)
    source: "Dataset | None" = None

    @classmethod
    def from_table(
        cls,
        frame: Frame,
        *,
        session: str | Sequence[str] = "session_id",
        item: str = "item_id",
        time: str | Sequence[str] = "timestamp",
        weight: str | None = None,
        items: Frame | None = None,
        scratch: Path | None = None,
    ) -> "Dataset":
        """Training sessions of two events or more; shorter ones are dropped and counted in `sessions.short`.

        A log of more than a million events is grouped on disk. Then its sessions lie in files without a name, and
        memory grows with the items, not with the events, where the frame is a parquet file or a reader of batches, ids
        are whole numbers or text, and times are timestamps or whole numbers.

        Args:
            frame: the events, one row an event in any order: an Arrow table, batch or reader, a pandas or polars frame,
                the path of a parquet file or of a folder of them, or of a CSV or TSV file.
            session: the column that names a session, or several that do so together.
            item: the column of item ids, as `as_ids` reads them.
            time: the column of times, as `as_times` reads them; or two, of which the second says in which order events
                of one time came (without it their item ids decide).
            weight: the column of how much predicting an event counts in the loss, if there is one.
            items: the items table, one row an item with its id in a column called as `item` says.
            scratch: the folder for the files of a long log; None: the system's temporary folder.

        Raises:
            FileNotFoundError: there is no file at a path.
            ValueError: a frame cannot be read, lacks a column or has nulls in it, ids or times are of a wrong type, or
                no session has two events.
        """
        columns = _columns(session, item, time, weight)
        events = EventStream.open(frame, columns)
        with _named(frame):
            sessions, vocabulary = grouped(events, min_length=2, recount=True, folder=scratch)
            if events.rows == 0:
                raise ValueError("there are no events; training needs at least one session of two events")
            if len(sessions) == 0:
                raise ValueError(
                    f"there is no session of two events or more ({sessions.short} of one); nothing can be learnt"
                )
        table = None if items is None else _items_table(items, item, vocabulary.id_type)
        return cls(sessions, vocabulary, table, columns=columns)

    @classmethod
    def from_held_out(
        cls,
        frame: Frame,
        vocabulary: Vocabulary,
        *,
        session: str | Sequence[str] = "session_id",
        item: str = "item_id",
        time: str | Sequence[str] = "timestamp",
    ) -> "Dataset":
        """Sessions to predict in, in the vocabulary of a model whose training data are not at hand.

        The other arguments are those of `from_table`; what is dropped and what is raised is as in `held_out`.
        """
        columns = _columns(session, item, time)
        return cls(Sessions.from_lists([]), vocabulary, columns=columns).held_out(frame)

    def held_out(self, frame: Frame) -> "Dataset":
        """The sessions of another frame in this dataset's vocabulary, with its items and features.

        Events of unknown items are dropped, then sessions of less than two events; `sessions.unknown` and
        `sessions.short` count them. Nothing may be left.

        Raises:
            FileNotFoundError: there is no file at a path.
            ValueError: the frame cannot be read, lacks a column or has nulls in it, or its ids or times are of a type
                that does not fit.
        """
        columns = replace(self.columns, weight=None)
        events = EventStream.open(frame, columns, self.vocabulary.id_type)
        with _named(frame):
            sessions, vocabulary = grouped(events, min_length=1)
            if events.rows == 0:
                return replace(self, sessions=Sessions.from_lists([]), source=None)
            in_column(columns.item, self.vocabulary.encode, vocabulary.ids[:1])  # raises for ids of another type
        return self.reencode(Dataset(sessions, vocabulary, columns=columns))

    def reencode(self, other: "Dataset") -> "Dataset":
        """The sessions of another dataset in this one's vocabulary, with its items and features, as `held_out`.

        Held-out sessions follow where the training data change: after `train.with_features(...)`, or after `train` was
        split once more, `train.reencode(test)` finds again what `test` had dropped and is known now.

        Raises:
            ValueError: the ids of the two are of different types.
        """
        source = other.source or other
        sessions = source.sessions.renumbered(self.vocabulary.encode(source.vocabulary.ids))
        return replace(self, sessions=sessions, source=source)

    def split(
        self, *, last: float | timedelta | None = None, at: int | date | None = None
    ) -> tuple["Dataset", "Dataset"]:
        """A training and a held-out dataset: sessions go whole, by the time of their first event.

        The vocabulary is counted anew in the training part alone. Features are learnt anew where this dataset has some.
        A session that starts before the cut may end after it.

        Args:
            last: which sessions are held out: a share of them between 0 and 1 (rounded, at least one), or a time span
                that ends with the newest event, such as timedelta(days=7).
            at: instead of `last`, the time from which on sessions are held out: a date, a datetime (UTC where it names
                no zone), or a number in the unit of `sessions.times`.

        Raises:
            ValueError: not exactly one of `last` and `at` is given, the sessions have no times, the time is of another
                type than theirs, or one part has no session.
        """
        late = self._late(last, at)
        if late.all() or not late.any():
            part = "training" if late.all() else "held-out"
            raise ValueError(f"the {part} part would have none of the {len(late)} sessions; split them elsewhere")
        early = self.sessions.select(~late)
        own = self.vocabulary.recounted(early.items)
        train = Dataset(_moved(early, self.vocabulary, own), own, self.items, columns=self.columns)
        if self.features is not None:
            train = train.with_features(FeatureConfig(selected_features=self.features.selected))
        return train, train.reencode(replace(self, sessions=self.sessions.select(late), source=None))

    def with_features(self, config: FeatureConfig) -> "Dataset":
        """The dataset with the features of all items, cold ones included; itself where the configuration selects none.

        Cold items join the vocabulary, so held-out datasets must follow: `train.reencode(test)`.

        Raises:
            ValueError: there is no items table, and what `encode_features` raises.
        """
        if not config.selected_features:
            return self
        if self.items is None:
            selected = list(config.selected_features)
            raise ValueError(f"selected_features={selected} needs an items table with these columns; give one as items")
        vocabulary = with_cold_items(self.vocabulary, self.items)
        whole = replace(self, vocabulary=vocabulary, features=encode_features(self.items, vocabulary, config))
        if self.source is not None:
            return whole.reencode(self)
        return replace(whole, sessions=_moved(self.sessions, self.vocabulary, vocabulary))

    def statistics(self) -> Statistics:
        """What preset auto looks at."""
        sessions, events = len(self.sessions), len(self.sessions.items)
        mean = events / sessions if sessions else 0.0
        return Statistics(sessions, events, self.sessions.predictions, len(self.vocabulary), mean)

    def _late(self, last: float | timedelta | None, at: int | date | None) -> np.ndarray:
        """Which sessions `split` holds out, bool [S]."""
        if (last is None) == (at is None):
            raise ValueError("a split needs either last or at; give one of them")
        if self.sessions.times is None:
            raise ValueError("sessions without times cannot be split by time; build them with Dataset.from_table")
        starts = self.sessions.times[self.sessions.offsets[:-1]]
        if at is not None:
            return np.asarray(starts >= _as_number(at, self.sessions.time_type))
        if isinstance(last, timedelta):
            return np.asarray(starts >= self.sessions.times.max() - _as_number(last, self.sessions.time_type))
        if last is None or not 0 < last < 1:
            raise ValueError(f"last is {last}; give a share between 0 and 1, or a timedelta")
        late = np.zeros(len(starts), dtype=bool)
        late[np.argsort(starts, kind="stable")[len(starts) - max(1, round(last * len(starts))) :]] = True
        return late


def _columns(
    session: str | Sequence[str], item: str, time: str | Sequence[str], weight: str | None = None
) -> ColumnNames:
    sessions = (session,) if isinstance(session, str) else tuple(session)
    clock, *sequence = (time,) if isinstance(time, str) else time
    if len(sequence) > 1:
        raise ValueError(f"time names {1 + len(sequence)} columns; give that of times, and at most that of a sequence")
    return ColumnNames(sessions, item, clock, weight, sequence[0] if sequence else None)


def _moved(sessions: Sessions, old: Vocabulary, new: Vocabulary) -> Sessions:
    """The same sessions in a vocabulary that knows all their items."""
    return replace(sessions, items=new.encode(old.ids).astype(np.int32)[sessions.items])


def _items_table(frame: Frame, item: str, id_type: pa.DataType) -> pa.Table:
    """An items table, its item column called item_id, with ids of a type where a text file leaves it open."""
    table = read_frame(frame, what="the items table", item=item, item_type=id_type)
    with _named(frame):
        check_columns([item], table.column_names, "the items table")
        names = [ITEM if name == item else name for name in table.column_names]
        check_columns([ITEM], names, f"the items table, where {item} is to be called so")
    return table.rename_columns(names)


def _as_number(time: int | date | timedelta, time_type: pa.DataType | None) -> int:
    """A time or a span as `Sessions.times` has them."""
    if isinstance(time, (int, np.integer)):
        return int(time)
    if time_type is None or not pa.types.is_timestamp(time_type):
        raise ValueError(
            f"the times of the sessions are {time_type}, so {time!r} is no place among them; give a number"
        )
    wanted = pa.duration(time_type.unit) if isinstance(time, timedelta) else time_type
    return int(pa.scalar(time).cast(wanted).value)


@contextmanager
def _named(frame: Frame) -> Iterator[None]:
    """Begin the sentence of a ValueError with the frame's path, where it has one."""
    try:
        yield
    except ValueError as error:
        if isinstance(frame, (str, os.PathLike)) and not str(error).startswith(str(frame)):  # a file may name itself
            raise ValueError(f"{frame}: {error}") from error
        raise
