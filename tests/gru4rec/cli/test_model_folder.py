"""Where `gru4rec` writes: tried before any work; a model is replaced only when asked, and by a whole one."""

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gru4rec.storage.files
import gru4rec.training.epochs
from gru4rec.__main__ import main
from gru4rec.storage import checkpoint
from gru4rec.training.epochs import EpochReport, Member
from gru4rec.training.trainer import Trainer
from tests.gru4rec.shell import refused, write_events

FEW = ["--preset", "rsc15", "--threads", "1", "--set", "hidden_size=8", "n_sample=16", "batch_size=40", "epochs=1"]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_events(tmp_path_factory.mktemp("train") / "train.parquet", 120, 0))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("place", "reason"),
    [("afile", "afile is a file"), ("afile/sub", "afile is a file"), ("/proc/self/no/model", "cannot be written (")],
)
def test_a_model_folder_that_cannot_be_written_is_refused_before_the_data_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture, place: str, reason: str
) -> None:
    (tmp_path / "afile").touch()
    said = refused(["fit", "absent.parquet", "--model-dir", str(tmp_path / place), *FEW], capsys)
    assert said.startswith(f"gru4rec fit: --model-dir {tmp_path / place} cannot be")
    assert reason in said
    assert list(tmp_path.iterdir()) == [tmp_path / "afile"]


def test_a_folder_that_was_tried_does_not_stay(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["fit", str(tmp_path / "absent.parquet"), "--model-dir", str(tmp_path / "a" / "b"), *FEW]
    assert "there is no file" in refused(arguments, capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["evaluate"], ["recommend", "--sessions"]])
@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("", "is a folder; give a file"),
        ("no/out.parquet", "there is no folder"),
        ("/dev/null", "is no ordinary file"),
        ("notes.txt", "is there already; remove it, or give another name"),
        ("/proc/self/out.parquet", "cannot be written ("),
    ],
)
def test_a_bad_out_is_refused_before_the_model_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture, command: list[str], out: str, reason: str
) -> None:
    name, *flags = command
    (tmp_path / "notes.txt").write_text("kept")
    said = refused([name, "no such model", *flags, "absent.parquet", "--out", str(tmp_path / out)], capsys)
    assert (tmp_path / "notes.txt").read_text() == "kept"
    assert said.startswith(f"gru4rec {name}: --out {tmp_path / out}")
    assert reason in said


@pytest.mark.parametrize("source", [["--items", "1"], ["--sessions", "absent.parquet", "--out", "lists.parquet"]])
@pytest.mark.parametrize("n", ["-3", "0", "100000000000"])
def test_one_rule_for_the_length_of_a_list_before_the_model_is_read(
    capsys: pytest.CaptureFixture, source: list[str], n: str
) -> None:
    said = refused(["recommend", "no such model", *source, "-n", n], capsys)
    assert said == f"gru4rec recommend: n must be between 1 and 32767, got {n}"


def test_a_model_is_replaced_only_by_overwrite_and_nothing_of_it_stays(
    train: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model, fresh = tmp_path / "m", tmp_path / "fresh"
    arguments = ["fit", train, "--model-dir", str(model), *FEW]
    assert main([*arguments, "--seed", "7"]) == 0
    before = tree(model)
    capsys.readouterr()
    said = refused(["fit", "absent.parquet", "--model-dir", str(model), *FEW], capsys)
    assert all(part in said for part in ("holds a model already", "--resume", "--overwrite"))
    said = refused([*arguments, "members=2", "--resume"], capsys)
    assert "no run with members=2 that could go on" in said
    assert tree(model) == before

    assert main([*arguments, "members=2", "--overwrite"]) == 0
    assert main(["fit", train, "--model-dir", str(fresh), *FEW, "members=2"]) == 0
    ours, theirs = tree(model), tree(fresh)
    assert set(ours) == set(theirs)
    assert not set(ours) & {name for name in before if name.startswith("training")}
    assert checkpoint.load(model).config == checkpoint.load(fresh).config


HELD = """
import sys
from gru4rec.__main__ import main
from gru4rec.cli.model_folder import ModelFolder

begin = ModelFolder.begin
def held(*arguments):
    print("begun", flush=True)
    sys.stdin.readline()
    return begin(*arguments)
ModelFolder.begin = held
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_beside_another_one_in_its_folder_is_refused(
    train: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model = tmp_path / "m"
    first = ["fit", train, "--model-dir", str(model), *FEW]
    with subprocess.Popen([sys.executable, "-c", HELD, *first], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == b"begun\n"
        for more in ([], ["--resume"], ["--overwrite"]):
            said = refused([*first, *more], capsys)
            assert said.startswith(f"gru4rec fit: --model-dir {model} is being written by another run; wait for its")
        assert tree(model) == {}
        held.communicate(b"\n")
    assert held.returncode == 0
    assert checkpoint.load(model).model.hidden_size == 8
    assert "holds a model already" in refused(first, capsys)


def test_an_interrupted_replacement_leaves_the_older_model_and_goes_on(
    train: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, whole = tmp_path / "m", tmp_path / "whole"
    assert main(["fit", train, "--model-dir", str(model), *FEW]) == 0
    older = tree(model)
    arguments = ["fit", train, *FEW, "epochs=3", "hidden_size=12", "--test", train]
    assert main([*arguments, "--model-dir", str(whole)]) == 0
    expected = json.loads(capsys.readouterr().out.splitlines()[-1])
    with monkeypatch.context() as patched:
        interrupt_before_epoch(3, patched)
        assert main([*arguments, "--model-dir", str(model), "--overwrite"]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"the run up to epoch 2 is kept in {model / 'replacement'}" in said
    assert "--overwrite --resume goes on" in said
    assert f"the older model stays in {model}" in said
    assert {name: data for name, data in tree(model).items() if not name.startswith("replacement")} == older
    assert main([*arguments, "--model-dir", str(model), "--overwrite", "--resume"]) == 0
    out, err = capsys.readouterr()
    assert "epoch 2/3" not in err
    assert json.loads(out.splitlines()[-1])["mrr@20"] == expected["mrr@20"]
    assert set(tree(model)) == set(tree(whole))


def test_a_run_that_goes_on_with_fewer_members_leaves_what_a_run_of_so_many_does(train: str, tmp_path: Path) -> None:
    model, fresh, replaced = tmp_path / "m", tmp_path / "fresh", tmp_path / "replaced"
    assert main(["fit", train, "--model-dir", str(fresh), *FEW, "members=2"]) == 0
    assert main(["fit", train, "--model-dir", str(model), *FEW, "members=3"]) == 0
    (model / "member-notes").mkdir()
    assert main(["fit", train, "--model-dir", str(model), *FEW, "members=2", "--resume"]) == 0
    assert set(tree(model)) == set(tree(fresh))  # the names hold the sums of what is in the files
    assert (model / "member-notes").exists()  # not of a run
    assert checkpoint.load(model).model.hidden_size == 16

    assert main(["fit", train, "--model-dir", str(replaced), *FEW]) == 0
    shutil.copytree(fresh, replaced / "replacement")
    shutil.copytree(fresh / "member-1", replaced / "replacement" / "member-3")
    assert main(["fit", train, "--model-dir", str(replaced), *FEW, "members=2", "--overwrite", "--resume"]) == 0
    assert set(tree(replaced)) == set(tree(fresh))


def test_extra_members_go_only_when_the_new_model_is_in_place(
    train: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    arguments = ["fit", train, "--model-dir", str(tmp_path), *FEW]
    assert main([*arguments, "members=3"]) == 0
    before = tree(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", full)
        assert main([*arguments, "members=2", "--resume"]) == 2
    assert tree(tmp_path) == before
    assert main([*arguments, "members=3", "--resume"]) == 0
    assert set(tree(tmp_path)) == set(before)


def interrupt_before_epoch(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as soon as the epoch of this number begins."""
    real = gru4rec.training.epochs._epoch

    def epoch(trainer: Trainer, at: int, member: Member, *, progress: bool) -> EpochReport:
        if at == number:
            raise KeyboardInterrupt
        return real(trainer, at, member, progress=progress)

    monkeypatch.setattr(gru4rec.training.epochs, "_epoch", epoch)


def test_what_an_interruption_keeps_is_said(
    train: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["fit", train, "--model-dir", str(tmp_path / "m"), *FEW, "epochs=2", "members=2", "--resume"]
    interrupt_before_epoch(1, monkeypatch)
    assert main(arguments) == 130
    err = capsys.readouterr().err
    assert f"nothing to resume in {tmp_path / 'm'}: training from the beginning" in err
    assert "no epoch was finished, so nothing of this run is kept" in err.splitlines()[-1]
    assert not (tmp_path / "m").exists()

    monkeypatch.undo()
    interrupt_before_epoch(2, monkeypatch)
    assert main(arguments) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"the run up to epoch 1 of member 1 is kept in {tmp_path / 'm'}" in said
    assert "--resume goes on from there" in said
    assert main(arguments) == 130
    err = capsys.readouterr().err
    assert "nothing to resume" not in err
    assert "what was there before is kept" in err.splitlines()[-1]


def test_an_interruption_in_the_midst_of_an_epoch_is_said_last(
    train: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def part(trainer: Trainer, number: int) -> Iterator[tuple[float, int]]:
        yield 10.0, 5
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "epoch", part)
    assert main(["fit", train, "--model-dir", str(tmp_path / "m"), *FEW]) == 130
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("gru4rec fit: interrupted: no epoch was finished")


def test_every_epoch_and_member_has_its_figures(train: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["fit", train, "--validation", train, "--model-dir", str(tmp_path), *FEW, "epochs=2", "members=2"]
    assert main([*arguments, "monitor=ndcg@10", "keep=best"]) == 0
    out, err = capsys.readouterr()
    history = json.loads(out.splitlines()[-1])["history"]
    assert [(entry["member"], entry["epoch"]) for entry in history] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    for entry in history:
        said = f"member {entry['member']}/2, epoch {entry['epoch']}/2: loss {entry['loss']:.4f}"
        for name in ("ndcg@10", "recall@20", "mrr@20"):
            said += f", {name} {entry[name]:.4f}"
        assert said in err.splitlines()


def test_a_disk_that_fills_up_while_training_is_one_sentence(
    train: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    monkeypatch.setattr(gru4rec.storage.files.os, "replace", full)
    said = refused(["fit", train, "--model-dir", str(tmp_path / "m"), *FEW], capsys)
    assert said.startswith(f"gru4rec fit: {tmp_path / 'm'}/.")
    assert said.endswith(": No space left on device")


def test_a_warm_start_that_does_not_fit_the_second_member_is_refused_before_the_first_is_trained(
    train: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["fit", train, "--model-dir", str(tmp_path / "m"), *FEW]) == 0
    capsys.readouterr()
    warm = ["--warm-start", str(tmp_path / "m"), "--set", "members=2", "alternate=hidden_size=12"]
    said = refused(["fit", train, "--model-dir", str(tmp_path / "new"), *FEW, *warm], capsys)
    assert "a warm start needs the same network: hidden_size was 8 and is 12" in said
    assert not (tmp_path / "new").exists()


def test_help_says_what_validation_needs_to_stop_a_training(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "patience=N" in said
    assert "keep=best" in said
