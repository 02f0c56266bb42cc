"""Every value is checked when it is set, with a sentence that names the field; and the tables' description is whole."""

from dataclasses import FrozenInstanceError
from datetime import date

import pytest

from warehouse.config import ContextConfig, EventsConfig, SessionsConfig, SplitsConfig


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: EventsConfig(timestamp_unit="h"), "timestamp_unit"),
        (lambda: EventsConfig(user_id_type="uuid"), "user_id_type"),
        (lambda: EventsConfig(max_rejected_share=1.5), "max_rejected_share"),
        (lambda: EventsConfig(max_id_length=0), "max_id_length"),
        (lambda: EventsConfig(user_column=""), "user_column"),
        (lambda: EventsConfig(floor="soon"), "floor"),
        (lambda: SessionsConfig(window_days=0), "window_days"),
        (lambda: SessionsConfig(sessions="some"), "sessions"),
        (lambda: SessionsConfig(gap_minutes=0), "gap_minutes"),
        (lambda: SessionsConfig(gap_minutes=float("nan")), "gap_minutes"),
        (lambda: SessionsConfig(min_item_support="5"), "min_item_support"),
        (lambda: SessionsConfig(repeats="maybe"), "repeats"),
        (lambda: SessionsConfig(dwell="on"), "dwell"),
        (lambda: SessionsConfig(max_session_length=-1), "max_session_length"),
        (lambda: SplitsConfig(test_days=-1), "test_days"),
        (lambda: SplitsConfig(test_start=5), "test_start"),
        (lambda: ContextConfig(source="all"), "source"),
        (lambda: ContextConfig(max_events=0), "max_events"),
    ],
)
def test_a_wrong_value_is_refused_by_name(make, field):
    with pytest.raises(ValueError, match=f"{field} is "):
        make()


def test_values_are_frozen_and_lists_and_texts_from_a_file_are_taken():
    config = EventsConfig(event_types=["view"], floor="2020-01-01")
    assert (config.event_types, config.floor) == (("view",), date(2020, 1, 1))
    with pytest.raises(FrozenInstanceError):
        config.floor = date(2021, 1, 1)
