"""Settings: defaults, a shop's own file, and what a mistake in it says. Knobs: one place, described, agreeing."""

import dataclasses
from pathlib import Path

import dagster as dg
import pytest

from pipelines.settings import knobs
from pipelines.settings import read as settings
from pipelines.settings.read import SettingsError, load
from warehouse.config import ContextConfig, EventsConfig, SessionsConfig, SplitsConfig
from warehouse.recommendations.limits import AuditLimits


def shop(folder: Path, text: str) -> dict[str, str]:
    (folder / "pipeline.toml").write_text(text)
    return {"GRU4REC_DATA": str(folder)}


def test_defaults_without_a_file(tmp_path: Path) -> None:
    found = load({"GRU4REC_DATA": str(tmp_path)})
    assert found.root == tmp_path
    assert found.tracking_uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert found.section("sessions")["gap_minutes"] == 30.0


def test_a_shops_file_changes_single_knobs(tmp_path: Path) -> None:
    text = "[sessions]\ngap_minutes = 20\n[partitions]\nfirst_day = 1998-04-01\nlast_day = 1998-04-22\n"
    text += "[model.overrides]\nhidden_size = 64\n"
    found = load(shop(tmp_path, text))
    assert found.knobs["sessions"]["gap_minutes"] == 20
    assert found.knobs["sessions"]["repeats"] == "drop"
    assert found.knobs["partitions"]["last_day"] == "1998-04-22"
    assert found.knobs["model"]["overrides"] == {"hidden_size": 64}


def test_environment_names_file_and_tracking_server(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[recommendations]\nn = 7\n")
    env = {"GRU4REC_CONFIG": str(tmp_path / "other.toml"), "MLFLOW_TRACKING_URI": "http://127.0.0.1:5001"}
    found = load(env)
    assert found.knobs["recommendations"]["n"] == 7
    assert found.tracking_uri == "http://127.0.0.1:5001"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[session]\ngap_minutes = 20\n", "unknown section [session]"),
        ("[sessions]\ngap = 20\n", "unknown knob 'gap'"),
        ('[sessions]\ngap_minutes = "20"\n', "expected float like 30.0, found '20'"),
        ("[recommendations]\nexclude_seen = 1\n", "expected bool like True, found 1"),
        ("[sessions\n", "is not valid TOML"),
        ('[partitions]\nfirst_day = "01.02.2024"\n', "[partitions]: first_day is '01.02.2024'"),
        ("[partitions]\nlast_day = 2023-12-31\n", "last_day 2023-12-31 is before first_day 2024-01-01"),
        ('[schedule]\ncron = "whenever"\n', "[schedule]: cron is 'whenever'"),
        ('[schedule]\ntimezone = "Mars"\n', "[schedule]: timezone is 'Mars'"),
        ('[events]\ntimestamp_unit = "h"\n', "[events]: timestamp_unit is 'h'"),
        ("[sessions]\nwindow_days = 0\n", "[sessions]: window_days is 0"),
        ("[contexts]\nmax_events = 0\n", "[contexts]: max_events is 0"),
        ('[model]\npreset = "rcs15"\n', "[model]: preset 'rcs15' is not known"),
        ('[model]\nrefit = "yes"\n', "[model]: refit is 'yes'"),
        ("[model.overrides]\nhiden_size = 3\n", "[model]: unknown setting hiden_size"),
        ("[model.overrides]\nmomentum = 2\n", "[model]: momentum"),
        ('[gate]\nmetric = "hits"\n', "[gate]: metric is 'hits'"),
        ('[gate]\nmetric = "recall@10"\n', "[gate]: metric is 'recall@10'; use one of recall@20, mrr@20, ndcg@20"),
        ('[tuning]\nmetric = "hits"\n', "[tuning]: metric is 'hits'; use recall@k"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(shop(tmp_path, text))
    assert says in str(caught.value)
    assert str(tmp_path / "pipeline.toml") in str(caught.value)


def test_a_tuned_preset_may_be_named_before_and_after_it_is_there(tmp_path: Path) -> None:
    assert load(shop(tmp_path, '[model]\npreset = "tuned"\n')).section("model")["preset"] == "tuned"
    named = '[model]\npreset = "mine"\n'
    with pytest.raises(SettingsError, match="preset 'mine' is not known"):
        load(shop(tmp_path, named))
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "mine.json").write_text("{}")
    assert load(shop(tmp_path, named)).section("model")["preset"] == "mine"


def test_a_tuned_preset_is_judged_with_its_own_values(tmp_path: Path) -> None:
    text = '[model]\npreset = "mine"\n[model.overrides]\nalternate = ["loss=bpr-max"]\n'
    (tmp_path / "presets").mkdir()
    file = tmp_path / "presets" / "mine.json"
    file.write_text('{"members": 2}')
    assert load(shop(tmp_path, text)).section("model")["preset"] == "mine"
    file.write_text('{"members": 1}')
    with pytest.raises(SettingsError, match="alternate is for several members"):
        load(shop(tmp_path, text))
    file.write_text('{"members": ')
    with pytest.raises(SettingsError, match=f"the preset in {file}: the configuration is not JSON"):
        load(shop(tmp_path, text))


def test_several_members_may_alternate_over_auto_alone(tmp_path: Path) -> None:
    text = '[model.overrides]\nalternate = ["loss=bpr-max"]\n'
    assert load(shop(tmp_path, text)).section("model")["overrides"] == {"alternate": ["loss=bpr-max"]}
    with pytest.raises(SettingsError, match="alternate is for several members"):
        load(shop(tmp_path, f'[model]\npreset = "rsc15"\n{text}'))


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load({"GRU4REC_CONFIG": str(tmp_path / "none.toml")})


def config_classes() -> list[type[dg.Config]]:
    return [kind for name, kind in vars(knobs).items() if name.endswith("Knobs")]


SERVING = set(knobs.ServingKnobs.model_fields)
CONTEXTS = {field.name for field in dataclasses.fields(ContextConfig)}


@pytest.mark.parametrize(
    ("kind", "step", "apart"),
    [
        (knobs.EventsKnobs, EventsConfig, set()),
        (knobs.SessionsKnobs, SessionsConfig, set()),
        (knobs.SplitsKnobs, SplitsConfig, set()),
        (knobs.ServingKnobs, ContextConfig, SERVING - CONTEXTS),
        (knobs.ServingKnobs, AuditLimits, SERVING - {field.name for field in dataclasses.fields(AuditLimits)}),
    ],
)
def test_knobs_are_the_steps_own_with_the_same_defaults(kind: type[dg.Config], step: type, apart: set[str]) -> None:
    assert set(kind.model_fields) - apart == {field.name for field in dataclasses.fields(step)}
    ours = {name: value for name, value in kind().model_dump().items() if name not in apart}
    assert step(**ours) == step()


def test_every_default_is_described_and_reaches_the_launchpad() -> None:
    defaults = load({"GRU4REC_DATA": "/nowhere"}).knobs
    shown = {name for kind in config_classes() for name in kind.model_fields}
    for section in (
        "events",
        "items",
        "sessions",
        "splits",
        "model",
        "evaluation",
        "gate",
        "contexts",
        "recommendations",
    ):
        for name in defaults[section]:
            assert knobs.descriptions()[section, name]
            assert name in shown
    for kind in config_classes():
        assert all(field.description for field in kind.model_fields.values())


def test_default_file_is_inside_the_package() -> None:
    assert settings.DEFAULT_FILE.is_file()
