"""Every knob of pipeline.toml spoiled in every way of its type, and the file itself: one short sentence each time."""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import get_origin

import pytest
from pydantic.fields import FieldInfo

from gru4rec.config.options import Config
from pipelines.settings.knobs import Knobs
from pipelines.settings.read import SettingsError, load

HUGE = [2**31, 2**53, 2**63 - 1]
DEEP = "[" * 2000 + "]" * 2000
LONG = "x" * 5000
NO_NUMBER = ['"5"', "true", "[]", "[5]", "{}", "2024-01-01", "nan", "-inf", "-1", "1e400", DEEP]
NO_TEXT = ["5", "1.5", "true", "[]", '["a"]', "{}", "nan", DEEP, f'"{LONG}"']
SPOILED: dict[type, list[str]] = {
    int: [*NO_NUMBER, "1.5", *map(str, HUGE), str(2**63), str(10**30), "9" * 5000],
    float: [*NO_NUMBER, "1e300", "9" * 5000],
    bool: ["0", "1", '"true"', "[]", "{}", "nan"],
    list: ["5", '"popularity"', "true", "{}", "[5]", "[[]]", '[""]', "[{}]", f'["{LONG}"]', DEEP],
    dict: ["5", '"a"', "true", "[]", DEEP],
    str: NO_TEXT,
}
MEANT = {
    ("recommendations", "max_score_shift"): {"1e300", "1e400"},  # inf switches it off
    ("similar_items", "max_score_shift"): {"1e300", "1e400"},
    ("recommendations", "allow"): {f'"{LONG}"'},  # the name of a column may be long
    ("recommendations", "deny"): {f'"{LONG}"'},
}


def kind_of(field: FieldInfo) -> type:
    """The type of a knob's value, as SPOILED has it."""
    value = field.default
    for kind in (bool, int, float, list, dict):
        if isinstance(value, kind):
            return kind
    return str


def knobs() -> Iterator[tuple[str, str, FieldInfo]]:
    """Section, name and field of every knob."""
    for section, kind in Knobs.model_fields.items():
        for name, field in type(kind.default).model_fields.items():
            yield section, name, field


def spoiled_knobs() -> list[tuple[str, str, str]]:
    """Section, knob and a value that it cannot have, as TOML."""
    found = []
    for section, name, field in knobs():
        for value in SPOILED[kind_of(field)]:
            if value in MEANT.get((section, name), ()) or (value == "2024-01-01" and kind_of(field) is str):
                continue
            found.append((section, name, value))
    return found


CASES = spoiled_knobs()
OVERRIDES = {
    name: SPOILED[kind] for name, value in Config().flat().items() if (kind := type(value)) in (int, float, bool, str)
}


def refusal(root: Path, text: str | bytes) -> str:
    """The sentence of the refusal of a settings file; the folder is left as it was."""
    file = root / "pipeline.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    before = digest(root)
    with pytest.raises(SettingsError) as caught:
        load({"GRU4REC_DATA": str(root)})
    assert digest(root) == before
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 500, said
    return said


def digest(folder: Path) -> str:
    """A hash of the names and bytes of all files below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(f"{path.relative_to(folder)}\0".encode() + (path.read_bytes() if path.is_file() else b""))
    return found.hexdigest()


def test_there_are_many_of_them() -> None:
    assert len(CASES) > 800


@pytest.mark.parametrize("section", Knobs.model_fields)
def test_every_spoiled_knob_is_refused_by_name(tmp_path: Path, section: str) -> None:
    taken = []
    for of, name, value in CASES:
        if of != section:
            continue
        try:
            said = refusal(tmp_path, f"[{section}]\n{name} = {value}\n")
        except pytest.fail.Exception:
            taken.append((name, value[:40]))
            continue
        if value not in (DEEP, "9" * 5000):  # no TOML: the file is named
            assert name in said, said
    assert not taken


@pytest.mark.parametrize("name", OVERRIDES)
def test_every_spoiled_parameter_of_the_model_is_refused_by_name(tmp_path: Path, name: str) -> None:
    taken = []
    for value in OVERRIDES[name]:
        try:
            said = refusal(tmp_path, f"[model.overrides]\n{name} = {value}\n")
        except pytest.fail.Exception:
            taken.append(value[:40])
            continue
        if value not in (DEEP, "9" * 5000):
            assert name in said or "TOML" in said, said
    assert not taken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[partitions]\nfirst_day = 0001-01-01\n", "1970 to 2199"),
        ('[partitions]\nfirst_day = "9999-12-31"\n', "1970 to 2199"),
        ('[engine]\nmemory_limit = "500%"\n', "share of the memory"),
        ('[engine]\nmemory_limit = "0GB"\n', "share of the memory"),
        ('[engine]\nmemory_limit = "1KB"\n', "share of the memory"),
        ('[engine]\nmemory_limit = "99999999TB"\n', "share of the memory"),
        ('[engine]\nmemory_limit = "-1GB"\n', "share of the memory"),
        ('[events]\nitem_column = "user_id"\n', "both name 'user_id'"),
        ('[events]\nsequence_column = "timestamp"\n', "both name 'timestamp'"),
        ("[gate]\nmin_recall = nan\n", "finite number"),
        ("[gate]\nmin_mrr = inf\n", "finite number"),
        ('[model]\ndevice = "gpu"\n', 'use "auto", "cpu", "cuda"'),
        ('[model]\ndevice = "cuda:-1"\n', 'use "auto", "cpu", "cuda"'),
        ("[recommendations]\nn = 0\n", "at least 1"),
        ("[recommendations]\nkeep_nights = -1\n", "at least 0"),
        ('[recommendations]\ndeny = " "\n', "deny"),
        ('[evaluation]\nbaselines = ["popular"]\n', "popularity"),
        ('[mlflow]\nmodel = "a/b"\n', "without / and :"),
        ("[model.overrides]\nhidden_size = 1000000000\n", "at most 16384"),
        ("[model.overrides]\nhidden = 5\n", "hidden_size"),
        (f"[{LONG}]\n", "unknown section"),
        (f"[gate]\n{LONG} = 5\n", "unknown knob"),
        ("gate = 5\n", "write it as a section"),
        ("[[gate]]\nmin_recall = 1\n", "gate"),
        (f"[gate]\nmin_recall = {DEEP}\n", "nested too deep"),
        ("[" + ".".join("a" * 1500) + "]\n", "unknown section"),
        (b"\xff\xfe", "is not valid TOML"),
        (b"\x00" * 1000, "is not valid TOML"),
        ("[gate]\n" * 2, "is not valid TOML"),
    ],
)
def test_a_spoiled_file_says_what_is_wrong(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refusal(tmp_path, text)


@pytest.mark.parametrize("variable", ["GRU4REC_DATA", "GRU4REC_CONFIG"])
@pytest.mark.parametrize("value", ["x" * 300, "/".join(["y" * 200] * 30)])
def test_a_path_that_no_system_can_have_is_refused(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"GRU4REC_DATA": str(tmp_path), variable: str(tmp_path / value)})
    assert len(str(caught.value)) < 500


def test_the_defaults_and_the_values_that_switch_limits_off_are_taken(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(
        "[recommendations]\nmax_score_shift = inf\nkeep_nights = 0\nmin_overlap = 0.0\n"
        '[engine]\nmemory_limit = "50%"\n[model]\ndevice = "cuda:1"\n[model.overrides]\nhidden_size = 16384\n'
    )
    found = load({"GRU4REC_DATA": str(tmp_path)}).knobs
    assert math.isinf(found.recommendations.max_score_shift)
    assert json.loads(json.dumps(found.model.overrides)) == {"hidden_size": 16384}
    assert {get_origin(field.annotation) or field.annotation for _, _, field in knobs()}


def test_a_data_folder_that_the_delta_library_cannot_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"GRU4REC_DATA: .* has '%20' in its path"):
        load({"GRU4REC_DATA": str(tmp_path / "per%20cent")})
