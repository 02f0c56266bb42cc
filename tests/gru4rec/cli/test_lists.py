"""What `gru4rec recommend` says of odd lists and of items that its model does not know."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.__main__ import main
from gru4rec.cli.recommend import parse_ids
from gru4rec.data.vocabulary import Vocabulary
from tests.gru4rec.shell import refused


@pytest.mark.parametrize(
    ("flags", "note"),
    [
        (["--items", ""], "no item id was given in --items: these are the popular items"),
        (["--items", ","], "no item id was given in --items: these are the popular items"),
        (["--items", "777"], "no known item was given in --items: these are the popular items"),
        (["--items", "5", "--allow", "6,999999"], "--allow: unknown to the model and left out: 999999"),
        (["--items", "5", "--allow", "5"], "nothing is left to recommend"),
    ],
)
def test_what_is_odd_about_a_list_is_said(
    folder: Path, capsys: pytest.CaptureFixture, flags: list[str], note: str
) -> None:
    assert main(["recommend", str(folder / "model"), *flags]) == 0
    out, err = capsys.readouterr()
    assert any(line.startswith(note) for line in err.splitlines())
    assert len(out.splitlines()) == {"--allow: u": 2, "nothing is": 1}.get(note[:10], 21)


@pytest.mark.parametrize(("unknown", "events_of_them"), [((), 0), ((777,), 1), ((777, 888), 2)])
def test_unknown_items_of_sessions_are_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, unknown: tuple[int, ...], events_of_them: int
) -> None:
    columns = {"session_id": [1, 1, 2, 2], "item_id": [*unknown, 5, 6, 30, 20][:4], "timestamp": [1, 2, 3, 4]}
    path = tmp_path / "some.parquet"
    pq.write_table(pa.table(columns), path)
    arguments = ["--sessions", str(path), "--out", str(tmp_path / "lists.parquet")]
    assert main(["recommend", str(folder / "model"), *arguments]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "items unknown" in line]
    expected = (
        f"{events_of_them} of 4 events of {path} are of items unknown to the model and left out; "
        "a session of no others gets the popular items"
    )
    assert said == ([expected] if unknown else [])


def test_an_allow_list_without_a_known_item_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    sessions = ["--sessions", str(folder / "train.parquet"), "--out", str(tmp_path / "lists.parquet")]
    for source in (["--items", "5"], sessions):
        for allow, named in (("999999", "999999"), ("", "no id was given")):
            said = refused(["recommend", str(folder / "model"), *source, "--allow", allow], capsys)
            assert f"--allow names no item that the model knows ({named})" in said


def test_every_id_of_64_bits_may_be_given() -> None:
    """Ids that are hashes have nineteen digits, and half of them a sign."""
    given = [-(2**63), -4400681931398259360, 2**63 - 1]
    vocabulary = Vocabulary.build(given)
    assert parse_ids(",".join(map(str, given)), vocabulary).to_pylist() == given
    for beyond in (-(2**63) - 1, 2**63):
        with pytest.raises(ValueError, match="64-bit integers"):
            parse_ids(str(beyond), vocabulary)
