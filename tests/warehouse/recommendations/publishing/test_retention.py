"""Old nights and superseded files are let go."""

import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table


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


def test_a_night_that_would_be_dropped_at_once_is_refused(nights):
    table.require_kept(nights.layout, nights.day(0), 1)  # there is no table yet
    for day in (1, 2):
        nights.publish(day)
    for keep, day in ((2, 1), (2, 3), (3, 0), (0, 0)):
        table.require_kept(nights.layout, nights.day(day), keep)
    with pytest.raises(
        table.RecommendationsError, match=r"2026-01-10 is older than the newest 2 night\(s\), .*2026-01-11"
    ):
        table.require_kept(nights.layout, nights.day(0), 2)


@pytest.mark.parametrize(("keep", "hours"), [(0, 168), (1, -1)])
def test_retention_that_would_empty_the_table_is_refused(nights, keep, hours):
    nights.publish(0)
    with pytest.raises(table.RecommendationsError, match="must"):
        table.retain(nights.layout, keep, hours)


@pytest.mark.parametrize("again", [1, 9])
def test_retention_that_meets_publications_looks_again(nights, monkeypatch, again):
    """Each of the first attempts finds that a rival has replaced the night that it drops in between."""
    for day in (0, 1, 2):
        nights.publish(day)
    delete, met = DeltaTable.delete, []

    def beside(self, predicate, **options):
        if len(met) < again:
            met.append(predicate)
            nights.publish(0, nights.rows(seed=40 + len(met)))
        return delete(self, predicate, **options)

    monkeypatch.setattr(DeltaTable, "delete", beside)
    monkeypatch.setattr("warehouse.recommendations.publishing.retention.PAUSES", (0.0, 0.0, 0.0))
    if again == 1:
        assert table.retain(nights.layout, keep_nights=2).dropped == (nights.day(0),)
    else:
        with pytest.raises(table.RecommendationsError, match=r"others wrote to .* no night was lost"):
            table.retain(nights.layout, keep_nights=2)
    assert table.latest(nights.layout).run_date == nights.day(2)
