"""The progress bar is a comfort: without tqdm `fit` says so once and goes on."""

import json
import subprocess
import sys
from pathlib import Path

from tests.gru4rec.shell import SMALL, write_events

WITHOUT_TQDM = "import sys; sys.modules['tqdm'] = None; from gru4rec.__main__ import main; sys.exit(main(sys.argv[1:]))"


def test_fit_trains_every_epoch_without_a_bar_and_says_so_once(tmp_path: Path) -> None:
    train = write_events(tmp_path / "train.parquet", sessions=60, seed=1)
    arguments = ["fit", str(train), "--model-dir", str(tmp_path / "model"), *SMALL]
    done = subprocess.run([sys.executable, "-c", WITHOUT_TQDM, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout.splitlines()[-1])["history"]) == 2
    assert done.stderr.count("tqdm is not installed") == 1


def test_a_redirected_log_has_no_bar(tmp_path: Path) -> None:
    train = write_events(tmp_path / "train.parquet", sessions=60, seed=1)
    arguments = ["fit", str(train), "--model-dir", str(tmp_path / "model"), *SMALL]
    done = subprocess.run([sys.executable, "-m", "gru4rec", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "events/s]" not in done.stderr
    assert "\r" not in done.stderr
