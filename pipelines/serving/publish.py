"""A night's lists: the champion scores every user's context, and `warehouse` stages, audits and publishes the lists."""

import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.policy.resources import Warehouse
from pipelines.settings.launchpad import ServingKnobs
from pipelines.settings.steps import step_config
from pipelines.tracking import registry

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from warehouse.recommendations import Published


def publish_night(
    day: str, knobs: ServingKnobs, warehouse: Warehouse, champion: "ModelVersion", notes: dict[str, str]
) -> "Published":
    """Score every user's context in one pass, and publish the lists as they come.

    Args:
        day: the night.
        knobs: [contexts] and [recommendations].
        warehouse: where events and items are read, and the table is written.
        champion: the version that makes the lists.
        notes: kept with the night's commit.

    Raises:
        AuditFailed: the lists are written beside the table and fail their audit; nothing is visible.
        ValueError: allow or deny cannot be read.
    """
    from gru4rec.serving.recommend import Recommender
    from warehouse.config import ContextConfig
    from warehouse.recommendations import AuditLimits, Expected, NightFacts, publish
    from warehouse.steps.contexts.audience import audience
    from warehouse.steps.contexts.build import contexts
    from warehouse.steps.contexts.shelf import shelf

    engine, layout = warehouse.engine(), warehouse.layout
    with tempfile.TemporaryDirectory() as copy, registry.saying_whose(registry.CHAMPION, champion.version):
        recommender = Recommender.load(registry.served_checkpoint(champion, Path(copy)))
    shown = shelf(engine, layout, day, knobs.allow, knobs.deny)
    users = audience(engine, layout, day, knobs.window_days)
    expected = Expected(n=knobs.n, users=users, items=shown.of(recommender.scorer.vocabulary.ids))
    facts = NightFacts(
        model_version=int(champion.version),
        mlflow_run_id=champion.run_id,
        metadata=notes,
    )
    limits = step_config(AuditLimits, knobs)
    with contexts(engine, layout, day, step_config(ContextConfig, knobs)) as reader:
        batches = recommender.recommend_stream(reader, knobs.n, knobs.exclude_seen, shown.allow, shown.deny)
        return publish(layout, date.fromisoformat(day), batches, facts, expected, limits, engine=engine)
