"""A champion whose files are gone or spoiled: said, and the next night stands all the same, or refuses if asked to."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import dagster as dg
import pytest

from pipelines.settings.read import load
from pipelines.shell.check import look
from pipelines.tracking import registry

FIRST, SECOND = "2026-01-07", "2026-01-08"
LEARNERS = [dg.AssetKey(name) for name in ("offline_evaluation", "champion_model", "recommendations")]


@pytest.fixture(scope="module")
def trained(house: Any, fresh_mlflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A house of its own with one good night, and the next night up to its model."""
    root = tmp_path_factory.mktemp("lost")
    for table in ("events", "rejected_events", "items", "raw"):
        shutil.copytree(house.root / table, root / table)
    shutil.copy(house.root / "pipeline.toml", root)
    fresh_mlflow(root)
    with dg.DagsterInstance.ephemeral() as instance:
        mine = type(house)(root, instance)
        assert mine.run("retrain", FIRST).success
        before = [dg.AssetKey(name) for name in ("sessions", "splits", "gru4rec_model")]
        assert mine.run("retrain", SECOND, select=before).success
        yield mine


def files_of(house: Any, part: str) -> Path:
    """The folder of the first champion's measured checkpoint ("evaluated") or of its logged model ("served")."""
    tracking = house.tracking
    version = registry.of_night(tracking, FIRST)
    if part == "evaluated":
        uri = tracking.client.get_run(version.run_id).info.artifact_uri + "/evaluated"
    else:
        uri = tracking.client.get_model_version_download_uri(version.name, version.version)
    return Path(unquote(urlparse(uri).path))


def says(house: Any) -> str:
    return registry.of_night(house.tracking, SECOND).tags["gate_reason"]


@pytest.mark.parametrize(
    ("part", "how"),
    [
        ("evaluated", "gone"),
        pytest.param("served", "gone", marks=pytest.mark.slow),
        pytest.param("evaluated", "spoiled", marks=pytest.mark.slow),
    ],
)
def test_a_lost_champion_stops_nobody(trained: Any, part: str, how: str) -> None:
    folder = files_of(trained, part)
    kept = folder.with_name(f"{folder.name}-kept")
    if how == "gone":
        folder.rename(kept)
    else:
        shutil.copytree(folder, kept)
        manifest = folder / "checkpoint.json"
        manifest.write_text(manifest.read_text().replace('"hidden_size": 48', '"hidden_size": 49'))
    try:
        refusing = {"ops": {"champion_model": {"config": {"unreadable_champion": "refuse"}}}}
        refused = trained.run("retrain", SECOND, refusing, select=LEARNERS[:2])
        assert refused.success
        assert "The gate saw no champion, for the files of gru4rec version 1 cannot be read" in says(trained)
        assert "asks to refuse then" in says(trained)
        problems = look(load(environment(trained))).problems
        assert any("version 1 cannot be read" in problem for problem in problems)
        assert tempfile.gettempdir() + "/tmp" not in " ".join([says(trained), *problems]), "copies are gone by then"

        done = trained.run("retrain", SECOND, select=LEARNERS[1:])  # with the same evaluation
        assert done.success
        [warned] = [one for one in done.get_asset_check_evaluations() if one.check_name == "gate_saw_champion"]
        assert not warned.passed
        assert warned.severity == dg.AssetCheckSeverity.WARN
        assert "The challenger is judged as on a first night" in says(trained)
        champion = registry.aliased(trained.tracking, registry.CHAMPION)
        assert champion is not None
        assert champion.tags["run_date"] == SECOND
        assert served_version(trained) == {int(champion.version)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        kept.rename(folder)
        registry.reinstate(
            trained.tracking, registry.of_night(trained.tracking, FIRST), by="the test", reason="once more"
        )


def test_a_champion_that_cannot_serve_is_a_sentence_that_names_the_way_out(trained: Any, sentence: Any) -> None:
    folder = files_of(trained, "served")
    kept = folder.with_name(f"{folder.name}-kept")
    folder.rename(kept)
    try:
        said = sentence(trained.run("serve", SECOND))
    finally:
        kept.rename(folder)
    assert "the champion, version 1, cannot serve" in said
    assert "`pipelines promote`" in said
    assert look(load(environment(trained))).problems == []


def environment(house: Any) -> dict[str, str]:
    return {"GRU4REC_DATA": str(house.root)}


def served_version(house: Any) -> set[int]:
    from warehouse.recommendations import night

    rows = night(house.layout, date.fromisoformat(SECOND)).to_arrow(["model_version"])
    return set(rows["model_version"].to_pylist())
