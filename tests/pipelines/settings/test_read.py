"""The settings: defaults, a shop's own file, and what a mistake in it says."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.settings.default_file import default_text
from pipelines.settings.knobs import Knobs
from pipelines.settings.model_sections import Tuning
from pipelines.settings.presets import preset_file
from pipelines.settings.read import SettingsError, load


def shop(folder: Path, text: str) -> dict[str, str]:
    (folder / "pipeline.toml").write_text(text)
    return {"GRU4REC_DATA": str(folder)}


def test_defaults_without_a_file(tmp_path: Path) -> None:
    found = load({"GRU4REC_DATA": str(tmp_path)})
    assert found.root == tmp_path
    assert found.tracking_uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert found.knobs.sessions.gap_minutes == 30.0


def test_a_shops_file_changes_single_knobs(tmp_path: Path) -> None:
    text = "[sessions]\ngap_minutes = 20\n[partitions]\nfirst_day = 1998-04-01\nlast_day = 1998-04-22\n"
    text += "[model.overrides]\nhidden_size = 64\n"
    text += "[recommendations.caps]\nbrand = {most = 2, first = 5}\ngenre = {most = 3}\n"
    found = load(shop(tmp_path, text))
    assert found.knobs.sessions.gap_minutes == 20
    assert found.knobs.sessions.repeats == "drop"
    assert found.knobs.partitions.last_day == "1998-04-22"
    assert found.knobs.model.overrides == {"hidden_size": 64}
    assert found.knobs.recommendations.caps == {"brand": {"most": 2, "first": 5}, "genre": {"most": 3, "first": 10}}


def test_environment_names_file_and_tracking_server(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[recommendations]\nn = 7\n")
    env = {"GRU4REC_CONFIG": str(tmp_path / "other.toml"), "MLFLOW_TRACKING_URI": "http://127.0.0.1:5001"}
    found = load(env)
    assert found.knobs.recommendations.n == 7
    assert found.tracking_uri == "http://127.0.0.1:5001"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[session]\ngap_minutes = 20\n", "unknown section [session]; did you mean sessions?"),
        ('[engine]\nkind = "sqlite"\n', "[engine]: kind is 'sqlite'; use one of 'duckdb', 'spark'."),
        ('[engine]\nkind = "spark"\n', "[engine]: url is empty: name the master of Spark, like spark://host:7077"),
        ('[engine]\nurl = "local[2]"\n', '[engine]: url and [engine.spark] are for kind = "spark"'),
        ("[engine.spark]\nexecutor.memory = 4\n", 'use full names in quotes, such as "spark.executor.memory" = "4g".'),
        (
            '[engine]\nkind = "spark"\nurl = "local[2]"\n[engine.spark]\n"spark.sql.ansi.enabled" = false\n',
            "[engine]: spark.sql.ansi.enabled cannot be set in [engine.spark]: the engine sets it.",
        ),
        ("[xyz]\ngap_minutes = 20\n", "unknown section [xyz]; known are: alerts, contexts, engine, evaluation, events"),
        ("sessions = 20\n", "sessions is 20; write it as a section, [sessions]"),
        ("[sessions]\ngap = 20\n", "[sessions]: unknown knob 'gap'; did you mean gap_minutes"),
        ("[items]\nxyz = 20\n", "[items]: unknown knob 'xyz'; known are: item_column, title_column."),
        ('[sessions]\ngap_minutes = "20"\n', "[sessions]: gap_minutes is '20'; use a number."),
        ("[sessions]\ngap_minutes = true\n", "[sessions]: gap_minutes is True; use a number."),
        ("[recommendations]\nn = 1.5\n", "[recommendations]: n is 1.5; use a whole number."),
        ("[recommendations]\nn = true\n", "[recommendations]: n is True; use a whole number."),
        ("[recommendations]\nexclude_seen = 1\n", "[recommendations]: exclude_seen is 1; use true or false."),
        ("[recommendations]\ncaps = 2\n", "caps is 2; write a line below it for each column, like brand = {most = 2"),
        ("[recommendations.caps]\nbrand = 2\n", "caps is {'brand': 2}; write a line below it for each column"),
        ("[recommendations.caps]\nbrand = {first = 2}\n", "say most and, where it is not 10, first of each column"),
        ("[recommendations.caps]\nitem_id = {most = 2}\n", "name at most 8 columns of items, none of them item_id"),
        ("[recommendations.caps]\nbrand = {most = 0}\n", "caps holds 0; use a number of at least 1."),
        ("[recommendations.caps]\nbrand = {most = 1.5}\n", "caps holds 1.5; use a whole number."),
        ("[mlflow]\nmodel = 3\n", "[mlflow]: model is 3; use text in quotes."),
        ('[events]\nevent_types = "view"\n', "[events]: event_types is 'view'; use a list."),
        ("[events]\nevent_types = [1]\n", "[events]: event_types holds 1; use text in quotes."),
        ("[model]\noverrides = 3\n", "[model]: overrides is 3; use a table"),
        ("[sessions\n", "is not valid TOML"),
        ('[partitions]\nfirst_day = "01.02.2024"\n', "[partitions]: first_day is '01.02.2024'; use a date like"),
        ('[partitions]\nfirst_day = "20240101"\n', "[partitions]: first_day is '20240101'; use a date like 2026-01-31"),
        (
            '[partitions]\nlast_day = "2026-W02-1"\n',
            "[partitions]: last_day is '2026-W02-1'; use a date like 2026-01-31",
        ),
        ("[partitions]\nlast_day = 2023-12-31\n", "last_day 2023-12-31 is before first_day 2024-01-01"),
        ('[schedule]\ncron = "whenever"\n', "[schedule]: cron is 'whenever'; use five fields"),
        ('[schedule]\ncron = "60 2 * * *"\n', "use five fields that some time fits"),
        ('[schedule]\ncron = "0 24 * * *"\n', "use five fields that some time fits"),
        ('[schedule]\ncron = "0 2 0 * *"\n', "use five fields that some time fits"),
        ('[schedule]\ncron = "0 2 * * 8"\n', "use five fields that some time fits"),
        ('[schedule]\ncron = "0 2 31 feb,4 *"\n', "use five fields that some time fits"),
        ('[schedule]\ncron = "@reboot"\n', "[schedule]: cron is '@reboot'; use five fields"),
        ('[schedule]\ncron = "\\u0662 2 * * *"\n', "use five fields that some time fits"),
        ('[schedule]\ntimezone = "Mars"\n', "[schedule]: timezone is 'Mars'; use a time zone like Europe/Berlin"),
        ('[events]\ntimestamp_unit = "h"\n', "[events]: timestamp_unit is 'h'; use one of '', 's', 'ms', 'us', 'ns'."),
        ('[events]\nuser_column = ""\n', "[events]: user_column is ''; it must not be empty."),
        ("[events]\nmax_rejected_share = 2\n", "[events]: max_rejected_share is 2; use a number of at most 1"),
        (
            "[sessions]\nwindow_days = 2\n",
            "[splits]: validation_days 1 and test_days 1 leave no day to train on of the 2",
        ),
        ("[splits]\ntest_days = 0\n", "[splits]: test_days is 0: nothing could be measured"),
        (
            '[sessions]\ndwell = "weight"\ndwell_limit_seconds = 30\n',
            "[sessions]: dwell_limit_seconds 30 is below dwell_threshold_seconds 60: no stay would count for more.",
        ),
        ('[evaluation]\nbaselines = ["markov"]\n', "baselines is ['markov']; popularity must be among them"),
        ("[evaluation]\nbaselines = []\n", "baselines is []; popularity must be among them: the gate promotes no"),
        ('[evaluation]\nbaselines = ["popularity", "popularity"]\n', "'popularity']; name each once."),
        ("[evaluation]\nbootstrap = 0\n", "[evaluation]: bootstrap is 0; use a number of at least 20."),
        ("[evaluation]\nbootstrap = 19\n", "[evaluation]: bootstrap is 19; use a number of at least 20."),
        ('[tuning]\npreset = "auto"\n', "[tuning]: preset is 'auto'; use another name"),
        *(
            (f"[mlflow]\nmodel = {name}\n", "use a name without / and :, quotes, #, ? and @.")
            for name in ("'a#b'", "'a?b'", "'a@b'", '"Bob\'s"', "'..'", '"a\\tb"', "'say \"x\"'")
        ),
        ('[mlflow]\nexperiment = "Default"\n', "[mlflow]: experiment is 'Default'; MLflow keeps that name"),
        ("[sessions]\nwindow_days = 0\n", "[sessions]: window_days is 0; use a number of at least 1."),
        ("[splits]\nvalidation_start = 2024-02-01\ntest_start = 2024-01-01\n", "[splits]: validation_start 2024-02-01"),
        ("[contexts]\nmax_events = 0\n", "[contexts]: max_events is 0; use a number of at least 1."),
        ("[recommendations]\nmax_score_shift = 0\n", "[recommendations]: max_score_shift is 0; use a number above 0"),
        (
            '[recommendations]\nallow = "in_stock ="\n',
            "[recommendations]: allow is 'in_stock ='; use \"\" for no list, a",
        ),
        ('[recommendations]\ndeny = " "\n', "[recommendations]: deny is ' '; use \"\" for no list"),
        (
            '[recommendations]\ndeny = "-- none"\n',
            "expression on items, such as in_stock AND year > 1990 (it stops before",
        ),
        ('[recommendations]\nallow = "true, true"\n', "(it is more than one expression)."),
        ("[recommendations]\nallow = \"true; COPY items TO 'x'\"\n", "(it stops before its end)."),
        ('[recommendations]\nallow = "random() < 0.5"\n', "(there is no function random that may stand in it)."),
        ("[recommendations]\ndeny = \"item_id IN (FROM 'a')\"\n", "deny is \"item_id IN (FROM 'a')\"; use"),
        ('[model]\npreset = "../../x"\n', "[model]: preset is '../../x'; use a plain name of letters, digits"),
        ('[tuning]\npreset = "/etc/x"\n', "[tuning]: preset is '/etc/x'; use a plain name"),
        ('[tuning]\nstudy = ".."\n', "[tuning]: study is '..'; use a plain name"),
        ('[tuning]\nstudy = ""\n', "[tuning]: study is ''; use a plain name"),
        ('[tuning]\nstudy = "a\\\\b"\n', "use a plain name"),
        ('[tuning]\nstudy = "a\\u0000b"\n', "use a plain name"),
        ('[tuning]\nstudy = "' + "é" * 150 + '"\n', "use a plain name"),
        ('[model]\npreset = "rcs15"\n', "[model]: preset 'rcs15' is not known"),
        ('[model]\nrefit = "yes"\n', "[model]: refit is 'yes'; use one of 'full', 'continue', 'none'."),
        ("[model.overrides]\nhiden_size = 3\n", "[model]: overrides: unknown setting hiden_size"),
        ("[model.overrides]\nmomentum = 2\n", "[model]: overrides: momentum"),
        ('[evaluation]\nbaselines = ["vsknn"]\n', "[evaluation]: baselines holds 'vsknn'; use one of 'popularity',"),
        ('[gate]\nmetric = "hits"\n', "[gate]: metric is 'hits'"),
        (
            '[gate]\nmetric = "recall@10"\n',
            "[gate]: metric is 'recall@10'; use one of 'recall@20', 'mrr@20', 'ndcg@20'.",
        ),
        ('[tuning]\nmetric = "hits"\n', "[tuning]: metric is 'hits'; use recall@k"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(shop(tmp_path, text))
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "pipeline.toml"))
    assert "\n" not in str(caught.value)


def test_a_tuned_preset_may_be_named_before_and_after_it_is_there(tmp_path: Path) -> None:
    assert load(shop(tmp_path, '[model]\npreset = "tuned"\n')).knobs.model.preset == "tuned"
    named = '[model]\npreset = "mine"\n'
    with pytest.raises(SettingsError, match="preset 'mine' is not known"):
        load(shop(tmp_path, named))
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "mine.json").write_text("{}")
    assert load(shop(tmp_path, named)).knobs.model.preset == "mine"


def test_a_tuned_preset_is_judged_with_its_own_values(tmp_path: Path) -> None:
    text = '[model]\npreset = "mine"\n[model.overrides]\nalternate = {loss = "bpr-max"}\n'
    (tmp_path / "presets").mkdir()
    file = tmp_path / "presets" / "mine.json"
    file.write_text('{"members": 2}')
    assert load(shop(tmp_path, text)).knobs.model.preset == "mine"
    file.write_text('{"members": 1}')
    with pytest.raises(SettingsError, match="alternate is for several members"):
        load(shop(tmp_path, text))
    file.write_text('{"members": ')
    with pytest.raises(SettingsError, match=f"the preset in {file}: the configuration is not JSON"):
        load(shop(tmp_path, text))


def test_several_members_may_alternate_over_auto_alone(tmp_path: Path) -> None:
    text = '[model.overrides]\nalternate = {loss = "bpr-max"}\n'
    assert load(shop(tmp_path, text)).knobs.model.overrides == {"alternate": {"loss": "bpr-max"}}
    with pytest.raises(SettingsError, match="alternate is for several members"):
        load(shop(tmp_path, f'[model]\npreset = "rsc15"\n{text}'))


def test_an_address_of_tables_that_is_none_is_one_sentence_that_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "storage.toml"
    file.write_text('tables = "s3://bucket/shop"')
    assert load({"GRU4REC_DATA": str(tmp_path)}).root == tmp_path
    file.write_text('tables = "hdfs://host/shop"')
    with pytest.raises(
        SettingsError, match=r"^tables in .*storage\.toml: 'hdfs://host/shop' is not of a store"
    ) as raised:
        load({"GRU4REC_DATA": str(tmp_path)})
    assert len(str(raised.value).splitlines()) == 1


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load({"GRU4REC_CONFIG": str(tmp_path / "none.toml")})


KNOBS = [(section, name) for section, knobs in Knobs() for name in type(knobs).model_fields]
VALUES = ["3", "-1", "0", "10000000000000000000000", "1.5", "inf", "nan", "true", '"x"', '""', "2024-01-01", "12:00:00"]
VALUES += ["[]", "[1]", '["x"]', "{}", "{x = 1}", "[{x = 1}]", "2024-01-01T00:00:00Z"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(knob=st.sampled_from(KNOBS), value=st.sampled_from(VALUES))
def test_any_value_of_any_knob_is_taken_or_refused_in_one_sentence(
    tmp_path: Path, knob: tuple[str, str], value: str
) -> None:
    section, name = knob
    try:
        load(shop(tmp_path, f"[{section}]\n{name} = {value}\n"))
    except SettingsError as error:
        said = str(error)
        assert said.startswith(f"{tmp_path / 'pipeline.toml'}, [{section}]: ")
        assert name in said
        assert said.endswith(".")
        assert "\n" not in said


def test_the_whole_default_file_may_be_a_shops_own(tmp_path: Path) -> None:
    assert load(shop(tmp_path, default_text())).knobs == Knobs()


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_name_that_is_taken_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    try:
        Tuning(preset=name)
    except ValidationError:
        return
    file = preset_file(tmp_path, name)
    assert file.parent == tmp_path / "presets"
    file.parent.mkdir(exist_ok=True)
    file.touch()
    assert file.resolve().parent == (tmp_path / "presets").resolve()


@pytest.mark.parametrize("name", ["tuned", "Größe 3", "shop-2026.v1", "C++", "ニュース", "x"])
def test_names_that_a_shop_may_use(tmp_path: Path, name: str) -> None:
    knobs = load(shop(tmp_path, f'[tuning]\npreset = "{name}"\nstudy = "{name}"\n')).knobs
    assert (knobs.tuning.preset, knobs.tuning.study) == (name, name)
