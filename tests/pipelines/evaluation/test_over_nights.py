"""The chart's nights, where the files of one are damaged."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.evaluation.over_nights import judged_nights
from pipelines.policy.resources import resources
from pipelines.settings.read import load
from warehouse.layout import Layout

FIRST = date(2026, 1, 1)


def test_a_night_whose_evaluation_cannot_be_read_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layout = Layout(tmp_path)
    nights = [FIRST + timedelta(days=number) for number in range(3)]
    for night in nights:
        file = layout.partition("evaluations", night)
        file.parent.mkdir(exist_ok=True)
        rows = [{"segment": "all", "metric": "recall@20", "role": "challenger", "value": 0.1}]
        pq.write_table(pa.Table.from_pylist(rows), file)
    file.write_bytes(file.read_bytes()[:-20])
    warehouse = resources(load({"GRU4REC_DATA": str(tmp_path)}))["warehouse"]
    assert [one.night for one in judged_nights(warehouse, {}, nights[-1], "recall@20", 9)] == nights[:2]
    assert f"the evaluation of {nights[-1]} cannot be read and is left out" in caplog.text
