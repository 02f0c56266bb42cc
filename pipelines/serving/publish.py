"""A night's lists: the champion scores every user's context, and `warehouse` stages, audits and publishes the lists."""

import tempfile
from contextlib import ExitStack
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
    """Score every user's context in one pass, and publish the lists as they come; on Spark, the executors score.

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
    from pipelines.serving.scoring import ListsOfGroup, Rules
    from warehouse.config import ContextConfig
    from warehouse.recommendations import AuditLimits, Expected, NightFacts, publish, publish_groups
    from warehouse.steps.contexts.audience import audience
    from warehouse.steps.contexts.build import contexts, map_contexts
    from warehouse.steps.contexts.shelf import shelf

    engine, layout, local = warehouse.engine(), warehouse.layout, warehouse.local_engine()
    run_date, sources = date.fromisoformat(day), step_config(ContextConfig, knobs)
    limits = step_config(AuditLimits, knobs)
    facts = NightFacts(model_version=int(champion.version), mlflow_run_id=champion.run_id, metadata=notes)
    with ExitStack() as stack:
        model = registry.served_checkpoint(champion, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        recommender = Recommender.load(model)
        if warehouse.kind != "spark":
            stack.close()  # the model is in memory: a night that is killed leaves no copy
        shown = shelf(local, layout, day, knobs.allow, knobs.deny)
        users = audience(engine, layout, day, knobs.window_days)
        expected = Expected(n=knobs.n, users=users, items=shown.of(recommender.scorer.vocabulary.ids))
        rules = Rules(knobs.n, knobs.exclude_seen, shown.allow, shown.deny)
        if warehouse.kind != "spark":
            with contexts(engine, layout, day, sources) as reader:
                batches = rules.lists(recommender, reader)
                return publish(layout, run_date, batches, facts, expected, limits, engine=local)
        return publish_groups(
            layout,
            run_date,
            lambda write: map_contexts(engine, layout, day, sources, ListsOfGroup(rules, write), model),
            facts,
            expected,
            limits,
        )
