"""Looking back, rolling back, cleaning up."""

import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table


def newest(nights):
    return table.latest(nights.layout).run_date


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


def test_the_history_names_the_publication_that_a_rollback_to_a_rollback_shows(nights):
    facts = [table.NightFacts(model, f"run{model}") for model in (7, 8, 9)]
    nights.publish(0, facts=facts[0])
    nights.publish(1, facts=facts[1])
    nights.publish(1, nights.rows(range(20)), facts=facts[2])
    for to_version, model, rows in ((3, 8, 150), (4, 9, 100), (5, 8, 150), (6, 9, 100), (7, 8, 150)):
        table.rollback(nights.layout, to_version)
        assert table.latest(nights.layout).model_version == model
        newest = table.history(nights.layout, 1).to_pylist()[0]
        assert (newest["rolled_back_to"], newest["model_version"], newest["rows"]) == (to_version, model, rows)


def test_rollback_that_cannot_be_is_refused_and_changes_nothing(nights):
    nights.publish(0)
    nights.publish(0, nights.rows(seed=2))
    version = DeltaTable(nights.layout.recommendations).version()
    for asked, sentence in (
        ({"to_version": 99}, "has versions 0 to 3, not 99"),
        ({"to_version": 0}, "holds no night"),
        ({"to_version": version}, f"shows version {version} as it is: nothing was changed"),
        ({"to_night": nights.day(0)}, f"shows version {version} as it is: nothing was changed"),
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
