"""The report of three small days, without a model: what it says, what it does with titles that mean harm."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import main
from pipelines.policy.resources import Warehouse, resources
from pipelines.reports.make import make_report
from pipelines.settings.read import load
from tests.pipelines.browser import Browser
from tests.warehouse.account.nights import SECOND, THIRD, three_days

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def shop(tmp_path: Path, fresh_mlflow: Callable[[Path], None]) -> Callable[[date], Path]:
    """Makes the report of a night of the three days."""
    fresh_mlflow(tmp_path)
    three_days(tmp_path)
    found = resources(load({"GRU4REC_DATA": str(tmp_path)}))
    warehouse: Warehouse = found["warehouse"]
    tracking = found["mlflow"].open()
    run = tracking.client.create_run(tracking.experiment_id).info.run_id
    tracking.client.create_registered_model(tracking.model)
    reason = "<b>recall@20</b> is low."
    tags = {"run_date": THIRD.isoformat(), "gate": "refused", "gate_reason": reason}
    tracking.client.create_model_version(tracking.model, (tmp_path / "none").as_uri(), run, tags=tags)
    return lambda night: make_report(warehouse, tracking, night)


def test_the_page_needs_nothing_beside_it_and_escapes_what_is_data(shop: Callable[[date], Path]) -> None:
    text = shop(THIRD).read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&lt;b&gt;recall@20&lt;/b&gt; is low." in text
    assert not re.search(r"""(src|href)=["'](?!http://127\.0\.0\.1:5000/#)""", text)
    assert "url(" not in text
    assert "@import" not in text


def test_it_tells_what_came_in_and_what_changed(shop: Callable[[date], Path]) -> None:
    text = shop(THIRD).read_text()
    drawn = ("03 Jan: 2 null id, 1 future", "03 Jan, distance to the day before: 0.5000", "1, share of places: 0.1667")
    told = ("rejected: null id", "Version 1 refused.", "50.0%", "0.5000", "No model of this night was evaluated")
    for said in ("Rejected rows by reason", *drawn, *told):
        assert said in text


def test_parts_that_a_night_did_not_leave_are_said_to_be_missing(shop: Callable[[date], Path]) -> None:
    text = shop(date(2026, 1, 1)).read_text()
    assert "No lists of this night stand in the table." in text
    assert "for none was trained" in text
    assert "There is no earlier day of events to compare with." in text


def test_lists_of_the_night_before_that_are_damaged_are_not_compared_and_the_page_says_so(
    shop: Callable[[date], Path],
) -> None:
    first = shop(THIRD)
    assert "overlap of the top" in first.read_text()
    [part] = (first.parents[1] / "recommendations" / f"run_date={SECOND}").glob("*.parquet")
    content = bytearray(part.read_bytes())
    content[4:400] = bytes(396)
    part.write_bytes(content)
    text = shop(THIRD).read_text()
    assert f"The lists of {SECOND} cannot be read, so nothing is compared with them" in text
    assert "put the file back from a copy" in text
    assert "overlap of the top" not in text


def test_made_again_it_is_the_same_page(shop: Callable[[date], Path]) -> None:
    first = shop(SECOND).read_bytes()
    assert shop(SECOND).read_bytes() == first
    assert [path.name for path in shop(SECOND).parent.iterdir()] == [f"{SECOND}.html"]


def test_a_night_that_left_nothing_is_one_sentence_and_no_file(shop: Callable[[date], Path]) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing to report on 2027-01-01.*`pipelines night"):
        shop(date(2027, 1, 1))
    assert not shop(THIRD).with_name("2027-01-01.html").exists()


def test_what_fails_in_the_making_leaves_the_page_before(
    shop: Callable[[date], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shop(THIRD)
    before = first.read_bytes()
    monkeypatch.setattr("pathlib.Path.write_text", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        shop(THIRD)
    assert first.read_bytes() == before
    assert len(list(first.parent.iterdir())) == 1


def test_a_day_that_is_none_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--date", "soon"]) == 2
    assert capsys.readouterr().err == "--date is 'soon': write a day like 2026-01-31.\n"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    found = Browser(tmp_path)
    yield found
    found.close()


@pytest.mark.slow
def test_it_fits_a_wide_and_a_narrow_window_and_follows_the_scheme(
    shop: Callable[[date], Path], browser: Browser
) -> None:
    page = shop(THIRD)
    backgrounds = set()
    for scheme in ("light", "dark"):
        for width in (1280, 360):
            media: list[dict[str, Any]] = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.call("Emulation.setEmulatedMedia", features=media)
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
            browser.call("Emulation.setDeviceMetricsOverride", **size)
            browser.call("Page.navigate", url=page.as_uri())
            browser.until(f"document.title == 'Night of {THIRD}' && document.readyState == 'complete'", 30)
            assert browser.do("document.documentElement.scrollWidth") <= width
            assert browser.do("document.querySelectorAll('svg .layer.bars').length") == 3
            assert "<script>alert(1)</script>" in browser.do("document.body.innerText")
            backgrounds.add(browser.do("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2


@pytest.mark.slow
def test_the_shell_makes_a_report_again(
    shop: Callable[[date], Path], environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "pipelines", "report", "--date", THIRD.isoformat()]
    own = environment(tmp_path, tmp_path / "home")
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes() == shop(THIRD).read_bytes()
    assert f"sessions, splits, evaluations of {THIRD} are not there: the night did not run to its end" in done.stderr
