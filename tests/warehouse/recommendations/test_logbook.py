"""What the table's log remembers."""

from warehouse import recommendations as table


def test_history_lists_commits_newest_first(nights):
    nights.publish(0)
    nights.publish(1)
    rows = table.history(nights.layout).to_pylist()
    assert [row["version"] for row in rows] == [3, 2, 1, 0]
    assert [row["run_date"] for row in rows] == [nights.day(1), nights.day(0), None, None]
    assert [row["operation"] for row in rows][2:] == ["ADD CONSTRAINT", "CREATE TABLE"]
