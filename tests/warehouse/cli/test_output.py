"""What commands do when nobody reads their output any more, as after `| head`: they end without a word."""

import os
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gru4rec.__main__ as gru4rec
import pipelines.__main__ as pipelines
import warehouse.__main__ as warehouse
from pipelines.settings.read import load
from warehouse.cli.output import until_unread

FUSION = Path(__file__).resolve().parents[3] / "examples" / "fusion.py"


@contextmanager
def piped(*, unread: bool) -> Iterator[int]:
    """Let standard output be a pipe, with or without a reader; gives the reading end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    if unread:
        os.close(reader)
    with open(writer, "w") as stdout, redirect_stdout(stdout):
        yield reader
    if not unread:
        os.close(reader)


@pytest.mark.parametrize("length", [1, 100_000], ids=["told at the end", "told in the middle"])
def test_what_nobody_reads_ends_the_block_without_a_word(length: int) -> None:
    with piped(unread=True):
        with until_unread():
            print("x" * length)
            if length > 1:
                raise AssertionError("the block has ended")
        print("nor is this an error", flush=True)


def test_a_pipe_that_breaks_elsewhere_is_an_error() -> None:
    with piped(unread=False) as reader:
        with pytest.raises(BrokenPipeError, match="of a socket"), until_unread():
            raise BrokenPipeError(32, "of a socket")
        with until_unread():
            print("read")
        assert os.read(reader, 9) == b"read\n"


@pytest.mark.parametrize(
    "main",
    [
        pytest.param(lambda data: gru4rec.main(["presets"]), id="gru4rec"),
        pytest.param(lambda data: warehouse.main(["recommendations", "--user", "7", "--data", data]), id="warehouse"),
        pytest.param(lambda data: pipelines.main(["check"]), id="pipelines"),
    ],
)
def test_commands_that_nobody_reads_are_done(
    nights: SimpleNamespace,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    main: Callable[[str], int],
) -> None:
    nights.publish(0)
    monkeypatch.setattr(pipelines, "current_settings", lambda: load({"GRU4REC_DATA": str(nights.layout.root)}))
    with piped(unread=True):
        assert main(str(nights.layout.root)) == 0
    assert capfd.readouterr().err == ""


def test_so_does_the_example(
    nights: SimpleNamespace, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.publish(0)
    events = nights.layout.partition("events", nights.day(0))
    events.parent.mkdir(parents=True)
    pq.write_table(pa.table({"user_id": [7, 8], "item_id": [1, 2]}), events)
    monkeypatch.setattr(sys, "argv", [str(FUSION), "--data", str(nights.layout.root), "--user", "7"])
    with piped(unread=True):
        runpy.run_path(str(FUSION), run_name="__main__")
    assert capfd.readouterr().err == ""
