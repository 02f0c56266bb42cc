"""Looking back, rolling back, cleaning up."""

import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table


def newest(nights):
    return table.latest(nights.layout).run_date


def test_history_lists_commits_newest_first(nights):
    nights.publish(0)
    nights.publish(1)
    rows = table.history(nights.layout).to_pylist()
    assert [row["version"] for row in rows] == [3, 2, 1, 0]
    assert [row["run_date"] for row in rows] == [nights.day(1), nights.day(0), None, None]
    assert [row["operation"] for row in rows][2:] == ["ADD CONSTRAINT", "CREATE TABLE"]


def test_rollback_shows_the_table_before_its_last_publication_again_and_again(nights, content):
    nights.publish(0)
    nights.publish(1)
    good = content(nights.layout, nights.day(1))
    nights.publish(1, nights.rows(seed=66))
    nights.publish(2)
    assert table.rollback(nights.layout).newest == nights.day(1)
    assert newest(nights) == nights.day(1)
    assert content(nights.layout, nights.day(1)) != good, "the bad repetition of night 1 still stands"
    table.rollback(nights.layout)
    assert content(nights.layout, nights.day(1)) == good
    table.rollback(nights.layout)
    assert newest(nights) == nights.day(0)
    with pytest.raises(table.RecommendationsError, match="no earlier publication"):
        table.rollback(nights.layout)
    nights.publish(1, nights.rows(seed=3))
    assert newest(nights) == nights.day(1)
    table.rollback(nights.layout)
    assert newest(nights) == nights.day(0)


def test_rollback_to_a_night_or_a_version_and_its_undoing(nights, content):
    nights.publish(0)
    second = nights.publish(1)
    nights.publish(2)
    before = content(nights.layout, nights.day(2))
    done = table.rollback(nights.layout, to_night=nights.day(0))
    assert newest(nights) == nights.day(0)
    table.rollback(nights.layout, to_version=done.version - 1)
    assert content(nights.layout, nights.day(2)) == before
    table.rollback(nights.layout, to_version=second.version)
    assert newest(nights) == nights.day(1)


def test_rollback_that_cannot_be_is_refused_and_changes_nothing(nights):
    nights.publish(0)
    nights.publish(0, nights.rows(seed=2))
    version = DeltaTable(nights.layout.recommendations).version()
    for asked, sentence in (
        ({"to_version": 99}, "has versions 0 to 3, not 99"),
        ({"to_version": 0}, "holds no night"),
        ({"to_night": nights.day(9)}, "no publication of the night 2026-01-19"),
        ({"to_version": 1, "to_night": nights.day(0)}, "either a version or a night"),
    ):
        with pytest.raises((table.RecommendationsError, table.NoNight), match=sentence):
            table.rollback(nights.layout, **asked)
    table.retain(nights.layout, 1, vacuum_hours=0)
    version = DeltaTable(nights.layout.recommendations).version()
    with pytest.raises(table.RecommendationsError, match="vacuum has removed 1 of its files"):
        table.rollback(nights.layout, to_version=2)
    assert DeltaTable(nights.layout.recommendations).version() == version


def test_retain_keeps_the_newest_nights_and_what_readers_may_still_hold(nights):
    for day in (0, 1, 2, 3):
        nights.publish(day)
    pinned = table.night(nights.layout, nights.day(0))
    done = table.retain(nights.layout, keep_nights=2)
    assert done.kept == (nights.day(2), nights.day(3))
    assert done.dropped == (nights.day(0), nights.day(1))
    assert done.vacuumed == 0, "files of the last seven days stay"
    assert pinned.to_arrow().num_rows == 150
    with pytest.raises(table.NoNight):
        table.night(nights.layout, nights.day(1))
    assert table.retain(nights.layout, keep_nights=2, vacuum_hours=0).vacuumed == 2
    assert sum(1 for file in nights.files() if "run_date=" in file) == 2
    assert table.retain(nights.layout, keep_nights=9).dropped == ()


def test_retain_lets_rejected_nights_go_with_the_nights_around_them(nights):
    nights.publish(0)
    with pytest.raises(table.AuditFailed) as caught:
        nights.publish(1, nights.rows(users=range(3)), expected=table.Expected(n=5, users=30))
    nights.publish(2)
    table.retain(nights.layout, keep_nights=2)
    assert caught.value.kept.exists(), "younger than the oldest night that is kept"
    table.retain(nights.layout, keep_nights=1)
    assert not list(caught.value.kept.parent.glob("*"))


@pytest.mark.parametrize(("keep", "hours"), [(0, 168), (1, -1)])
def test_retention_that_would_empty_the_table_is_refused(nights, keep, hours):
    nights.publish(0)
    with pytest.raises(table.RecommendationsError, match="must"):
        table.retain(nights.layout, keep, hours)


def test_checkpoints_keep_the_sweep_and_the_history_right(nights):
    """After a checkpoint the old log entries may go: superseded files are then known from the checkpoint alone."""
    nights.publish(0)
    nights.publish(0, nights.rows(seed=2))
    DeltaTable(nights.layout.recommendations).create_checkpoint()
    for entry in sorted((nights.layout.recommendations / "_delta_log").glob("*.json"))[:-1]:
        entry.unlink()
    before = {file for file in nights.files() if "run_date=" in file}
    assert table.sweep(nights.layout) == []
    assert {file for file in nights.files() if "run_date=" in file} == before
    nights.publish(1)
    with pytest.raises(table.RecommendationsError, match="its log has been cleaned up"):
        table.rollback(nights.layout, to_version=1)
