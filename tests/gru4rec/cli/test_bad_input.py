"""Bad files and bad arguments of the shell's commands: one sentence, and nothing is written."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.gru4rec.shell import SMALL, bad_file, refused


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("absent", "there is no file"),
        ("not parquet", "cannot be read as parquet"),
        ("no rows", "holds no events"),
        ("one-event sessions", "no session of two events"),
        ("no item column", "has no column item_id; it has session_id, timestamp, item"),
        ("null item", "null"),
        ("float ids", "use integers or strings"),
        ("text times", "time column"),
    ],
)
def test_a_bad_training_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture, kind: str, sentence: str
) -> None:
    train = bad_file(tmp_path / "train.parquet", kind)
    said = refused(["fit", str(train), "--model-dir", str(tmp_path / "m"), *SMALL], capsys)
    assert sentence in said
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("absent", "there is no file"),
        ("no rows", "nothing to predict"),
        ("one-event sessions", "nothing to predict"),
        ("unknown items", "4 are of items unknown"),
        ("text ids", "string"),
        ("no item column", "no column item_id"),
    ],
)
def test_a_bad_test_file_is_refused_before_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, kind: str, sentence: str
) -> None:
    test = str(bad_file(tmp_path / "test.parquet", kind))
    arguments = ["fit", str(folder / "train.parquet"), "--test", test, "--model-dir", str(tmp_path / "m"), *SMALL]
    assert sentence in refused(arguments, capsys)
    assert not (tmp_path / "m").exists()
    assert sentence in refused(["evaluate", str(folder / "model"), test], capsys)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--set", "learning_rte=0.1"], "did you mean learning_rate"),
        (["--set", "xyzzy=1"], "known are"),
        (["--set", "epochs"], "KEY=VALUE"),
        (["--set", "epochs=many"], "epochs"),
        (["--set", "learning_rate=-1"], "learning_rate"),
        (["--preset", "rsc15", "--set", "epochs=two"], "epochs is 'two'; give a whole number"),
        (["--set", "learning_rate=nan"], "learning_rate is nan; give a finite number"),
        (["--set", "alternate=epochs=2"], "alternate"),
        (["--seed", "-1"], "seed"),
        (["--preset", "nonesuch"], "rsc15"),
        (["--config", "/no/such/file.json"], "no configuration file"),
        (["--device", "abacus"], "abacus"),
        (["--warm-start", "/no/such/folder"], "/no/such/folder"),
        (["--threads", "0"], "at least 1"),
        (["--seed", "x"], "seed"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_a_bad_argument_of_fit_is_one_sentence_before_the_data_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture, flags: list[str], sentence: str
) -> None:
    absent = str(tmp_path / "absent.parquet")  # would be complained of as soon as somebody looked for it
    assert sentence in refused(["fit", absent, "--model-dir", str(tmp_path / "m"), *flags], capsys)
    assert not (tmp_path / "m").exists()


def test_bad_arguments_of_recommend_are_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model, sessions = str(folder / "model"), str(folder / "test.parquet")
    text = str(bad_file(tmp_path / "text.parquet", "text ids"))
    out = str(tmp_path / "out.parquet")
    for arguments, sentence in [
        ([str(tmp_path), "--items", "1"], "checkpoint"),
        ([model], "required"),
        ([model, "--items", "12,abc"], "integers, and 'abc' is not one"),
        ([model, "--items", "1", "--exclude", f"{2**63}"], f"'{2**63}' is not one"),
        ([model, "--items", "1", "-n", "0"], "n must be between 1 and 32767, got 0"),
        ([model, "--items", "1", "--out", out], "--out goes with --sessions"),
        ([model, "--sessions", sessions], "needs --out"),
        ([model, "--sessions", sessions, "--out", str(tmp_path / "no" / "out.parquet")], "there is no folder"),
        ([model, "--sessions", text, "--out", out], "string"),
        ([model, "--sessions", sessions, "--out", out, "--allow", "9999"], "nothing is left"),
        ([model, "--sessions", str(bad_file(tmp_path / "null.parquet", "null item")), "--out", out], "nulls"),
        ([model, "--sessions", str(bad_file(tmp_path / "empty.parquet", "no rows")), "--out", out], "no events"),
    ]:
        assert sentence in refused(["recommend", *arguments], capsys)
    assert not list(tmp_path.glob("*out.parquet*"))


def test_a_spoiled_configuration_file_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for text, sentence in [
        ("{", "not JSON"),
        ("[]", "object"),
        ('{"hidden": 5}', "unknown setting hidden; did you mean hidden_size"),
    ]:
        (tmp_path / "c.json").write_text(text)
        arguments = ["fit", str(folder / "train.parquet"), "--model-dir", str(tmp_path / "m")]
        assert sentence in refused([*arguments, "--config", str(tmp_path / "c.json")], capsys)


def test_the_installed_script_exits_with_2_and_no_traceback(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "gru4rec"
    command = [str(script), "evaluate", str(tmp_path), "absent.parquet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
