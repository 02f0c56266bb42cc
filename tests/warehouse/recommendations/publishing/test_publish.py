"""A night is visible as a whole or not at all; a second publication replaces it; what fails is sorted out by name."""

import datetime as dt
from uuid import uuid4

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table
from warehouse.recommendations.publishing.staging import StagedNight, staging_folder
from warehouse.tables import RECOMMENDATIONS


def test_published_rows_are_the_rows_given_with_the_nights_facts(nights, content):
    rows = nights.rows()
    done = nights.publish(0, rows)
    assert (done.rows, done.users) == (150, 30)
    read = table.night(nights.layout, nights.day(0)).to_arrow()
    assert read.schema.names == list(RECOMMENDATIONS.required)
    assert read.select(rows.schema.names).to_pydict() == rows.to_pydict()
    assert set(read["run_date"].to_pylist()) == {nights.day(0)}
    assert set(read["model_version"].to_pylist()) == {7}
    assert set(read["mlflow_run_id"].to_pylist()) == {"run7"}
    assert set(read["generated_at"].to_pylist()) == {dt.datetime(2026, 1, 11, 2, 0, tzinfo=dt.UTC)}


def test_types_are_the_contracts_and_ids_keep_theirs(nights):
    nights.publish(0, nights.rows(text=True))
    schema = table.latest(nights.layout).to_arrow().schema
    assert schema.field("user_id").type == schema.field("item_id").type == pa.string()
    assert [schema.field(n).type for n in ("rank", "score", "probability", "context_length", "model_version")] == [
        pa.int16(), pa.float32(), pa.float32(), pa.int16(), pa.int32()]  # fmt: skip
    assert schema.field("generated_at").type == pa.timestamp("us", tz="UTC")


def test_a_folder_may_have_any_name(tmp_path, nights):
    where = tmp_path / "folder with blanks and ümlauts" / "recommendations"
    for seed in (1, 2):
        batches = nights.rows(seed=seed).to_batches()
        table.publish(where, nights.day(0), batches, table.NightFacts(), table.Expected(n=5))
    assert table.latest(where).to_arrow().num_rows == 150
    assert len(table.for_user(where, 7)) == 5
    table.rollback(where)
    assert table.for_user(where, 7)[0]["item_id"] == nights.rows(seed=1)["item_id"][35].as_py()
    assert table.retain(where, 1, vacuum_hours=0).vacuumed == 1
    assert table.latest(where).to_arrow().num_rows == 150


def test_publishing_a_night_again_replaces_it_and_leaves_the_others(nights, content):
    nights.publish(0)
    nights.publish(1)
    before = content(nights.layout, nights.day(0))
    nights.publish(1, nights.rows(users=range(20), seed=9))
    assert len(content(nights.layout, nights.day(1))) == 100
    assert content(nights.layout, nights.day(0)) == before


def test_same_rows_in_any_order_end_in_the_same_table(nights, content):
    rows = nights.rows()
    nights.publish(0, rows)
    ordered = content(nights.layout, nights.day(0))
    shuffled = rows.take(pa.array([(i * 37) % 150 for i in range(150)]))
    nights.publish(0, shuffled)
    assert content(nights.layout, nights.day(0)) == ordered


def test_a_pinned_night_reads_the_same_after_it_was_replaced(nights):
    nights.publish(0)
    pinned = table.latest(nights.layout)
    before = pinned.to_arrow()
    nights.publish(0, nights.rows(seed=5))
    nights.publish(1)
    assert pinned.to_arrow() == before
    assert table.latest(nights.layout).run_date == nights.day(1)


def test_the_table_refuses_what_its_constraints_forbid(nights):
    nights.publish(0)
    delta = DeltaTable(nights.layout.recommendations)
    assert delta.metadata().configuration.keys() >= {
        "delta.constraints.rank_positive",
        "delta.constraints.score_finite",
    }
    from deltalake import write_deltalake
    from deltalake.exceptions import DeltaError

    good = table.latest(nights.layout).to_arrow().slice(0, 1)
    for column, bad in (("rank", pa.array([0], pa.int16())), ("score", pa.array([float("nan")], pa.float32())),
                        ("score", pa.array([float("inf")], pa.float32()))):  # fmt: skip
        row = good.set_column(good.schema.get_field_index(column), column, bad)
        with pytest.raises(DeltaError, match="validation check"):
            write_deltalake(nights.layout.recommendations, row, mode="append")


def test_the_commit_remembers_night_model_run_and_what_it_was_told(nights):
    facts = table.NightFacts(3, "abc", metadata={"git_commit": "deadbeef", "dagster_run": "r1"})
    nights.publish(0, facts=facts)
    row = table.history(nights.layout, 1).to_pylist()[0]
    assert (row["run_date"], row["model_version"], row["mlflow_run_id"], row["rows"]) == (nights.day(0), 3, "abc", 150)
    assert row["metadata"] == '{"dagster_run": "r1", "git_commit": "deadbeef"}'


def test_a_second_writer_of_the_same_night_gets_one_sentence(nights, content):
    nights.publish(0)
    before = content(nights.layout, nights.day(0))
    with StagedNight(nights.layout.recommendations, nights.day(0)):
        with pytest.raises(table.NightBusy, match=r"another run is writing the night 2026-01-10 .*wait for it"):
            nights.publish(0, nights.rows(seed=3))
        nights.publish(1)  # another night is not held up
    assert content(nights.layout, nights.day(0)) == before
    nights.publish(0, nights.rows(seed=3))


def test_litter_of_dead_writers_goes_with_the_next_good_night_and_living_ones_keep_theirs(nights):
    nights.publish(0)
    path = nights.layout.recommendations
    litter = [
        path / "run_date=2026-01-10" / f"part-00000-{uuid4()}.parquet",
        path / "run_date=2026-01-10" / f"part-00001-{uuid4()}-c000.zstd.parquet#1",
        path / "_delta_log" / f"_commit_{uuid4()}.json.tmp",
        staging_folder(path) / "2026-01-08.lock",
        staging_folder(path) / "2026-01-08.writing" / "part-00000.parquet",
    ]
    litter[-1].parent.mkdir()
    for file in litter:
        file.write_bytes(b"half a file")
    alive = path / "run_date=2026-01-12" / f"part-00000-{uuid4()}.parquet"
    alive.parent.mkdir()
    with StagedNight(path, nights.day(2)):
        alive.write_bytes(b"on its way")
        swept = nights.publish(1).swept
        assert {str(file) for file in litter} - set(swept) == {str(litter[2])}, "a log draft may be the living writer's"
        assert alive.exists()
    assert {str(litter[2]), str(alive)} == set(nights.publish(3).swept)
    assert [f for f in nights.files() if "_delta_log" not in f and "run_date=" not in f] == []
    table.night(nights.layout, nights.day(0)).to_arrow()


def test_superseded_files_are_not_litter(nights):
    first = nights.publish(0)
    nights.publish(0, nights.rows(seed=4))
    assert nights.publish(1).swept == ()
    old = DeltaTable(nights.layout.recommendations, version=first.version)
    assert old.to_pyarrow_table().num_rows == 150


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop_columns(["score"]), "lack the column.s. score"),
        (lambda t: t.set_column(0, "user_id", t["user_id"].cast(pa.float64())), "user_id must be an integer or"),
        (lambda t: t.set_column(1, "rank", pa.array([70_000] * 150)), "do not fit the table's columns"),
        (lambda t: t.set_column(2, "item_id", pa.array([None] * 150, pa.int64())), "do not fit the table's columns"),
        (lambda t: t.slice(0, 0), "no rows at all"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit_end_in_a_sentence_and_change_nothing(nights, change, sentence):
    nights.publish(0)
    before = nights.files()
    with pytest.raises(table.RecommendationsError, match=sentence):
        nights.publish(1, change(nights.rows()), expected=table.Expected(n=5))
    assert nights.files() == before


def test_other_id_types_than_the_tables_are_refused(nights):
    nights.publish(0)
    with pytest.raises(table.RecommendationsError, match="user_id is string in this night but int64 in the table"):
        nights.publish(1, nights.rows(text=True))
    assert table.latest(nights.layout).run_date == nights.day(0)


def test_an_error_of_the_source_keeps_its_name_and_publishes_nothing(nights):
    def broken():
        yield from nights.rows().to_batches(max_chunksize=50)[:1]
        raise FileNotFoundError("the contexts are gone")

    nights.publish(0)
    before = nights.files()
    with pytest.raises(FileNotFoundError, match="the contexts are gone"):
        table.publish(nights.layout, nights.day(1), broken(), table.NightFacts(), table.Expected(n=5))
    assert nights.files() == before


def test_naive_generated_at_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        table.NightFacts(generated_at=dt.datetime(2026, 1, 1))
