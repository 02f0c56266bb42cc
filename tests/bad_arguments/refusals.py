"""What no command can use, and how one has to refuse it: exit status 2, one short sentence, nothing changed on disk.

All in this process, through `main(argv)` of the three packages.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONG = "x" * 5000
DEEP = "[" * 3000 + "]" * 3000
DIGITS = "9" * 5000
NO_WHOLE = ["", "-1", "x", "1.5", "1e9", "0x10", "nan", "inf", str(2**31), str(2**63), str(2**64), DIGITS, LONG, "٣"]
NO_DAY = ["", "soon", "2026-13-01", "2026-02-30", "0001-01-01", "9999-12-31", "-1", LONG, "2026-01-31T10:00"]
NO_DEVICE = ["", "gpu", "cuda:-1", "cuda:99", "cpu:5", "tpu", "meta", LONG]
MAPPING = 'user_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'


def digest(folder: Path) -> str:
    """A hash of the names and bytes of everything below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(f"{path.relative_to(folder)}\0".encode() + (path.read_bytes() if path.is_file() else b""))
    return found.hexdigest()


def refused(main: Callable[[list[str]], int], arguments: list[str], capsys: Any) -> str | None:
    """What is wrong with how a command refuses its arguments; None where nothing is."""
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    told = capsys.readouterr().err
    last = [line for line in told.splitlines() if line][-1:] or [""]
    if status != 2:
        return f"status {status}: {told[-200:]}"
    if len(told) >= 700 or len(last[0]) >= 580 or not last[0]:
        return f"{len(told)} characters: {told[:200]}"
    return None


def all_refused(
    main: Callable[[list[str]], int], commands: list[list[str]], ground: Path, tmp_path: Path, capsys: Any
) -> int:
    """Run commands that each have to be refused; returns how many there were."""
    before = digest(ground), digest(tmp_path)
    wrong = {}
    for arguments in commands:
        if (problem := refused(main, arguments, capsys)) is not None:
            wrong[" ".join(one[-60:] for one in arguments)] = problem
    assert not wrong, "\n".join(f"{k}\n    {v}" for k, v in wrong.items())
    assert (digest(ground), digest(tmp_path)) == before
    return len(commands)
