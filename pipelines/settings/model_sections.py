"""Every knob of the model: what is trained, measured, promoted and tuned; see sections.py."""

from typing import Any, Literal

from pydantic import Field

from pipelines.settings.kinds import (
    AtLeastOne,
    Baselines,
    Device,
    FileName,
    GateMetric,
    Name,
    NotNegative,
    Processes,
    RankMetric,
    Refit,
    Share,
    Threads,
    TunedName,
    UnreadableChampion,
)
from pipelines.settings.sections import Section


class Model(Section):
    """What is trained."""

    preset: FileName = Field(
        default="auto",
        description='parameters to start from: "auto" looks at the data; or the name of a preset, published or tuned',
    )
    device: Device = Field(default="auto", description='"cpu", "cuda" or "auto"')
    threads: Threads = Field(
        default=0,
        description="threads of training on a processor; 0: as many as pay and are free, one for narrow models",
    )
    processes: Processes = Field(
        default=1, description="processes of this machine that train one model together, each with some of its lanes"
    )
    refit: Refit = Field(
        default="full",
        description='what serves: "full" trains anew on all days, "continue" goes on with the held-out days, '
        '"none" serves what was measured',
    )
    overrides: dict[str, Any] = Field(
        default={}, description="single parameters that differ from the preset, such as hidden_size = 256"
    )


class Evaluation(Section):
    """What the model is measured on, and against."""

    baselines: Baselines = Field(
        default=["popularity", "markov", "sequential rules", "V-SKNN", "VSTAN"],
        description="what the model is compared with",
    )
    bootstrap: int = Field(
        default=1000, ge=20, le=100_000, description="resamples of the sessions for the 95% intervals"
    )
    seed: NotNegative = Field(default=0, description="of the bootstrap and of the sample of sessions")
    max_sessions: NotNegative = Field(
        default=50000, description="at most so many test sessions, a seeded sample; 0: all"
    )
    threads: Threads = Field(
        default=0,
        description="threads of scoring on a processor; 0: as many as pay and are free, one for narrow models",
    )


class Gate(Section):
    """What is asked of a challenger before it becomes champion."""

    metric: GateMetric = Field(
        default="recall@20", description='the figure that decides: "recall@20", "mrr@20" or "ndcg@20"'
    )
    min_events: NotNegative = Field(default=200, description="fewer predictions in the test days: no promotion")
    min_recall: Share = Field(default=0.0, description="floor of recall@20")
    min_mrr: Share = Field(default=0.0, description="floor of mrr@20")
    min_coverage: Share = Field(default=0.0, description="floor of coverage@20")
    best_baseline_share: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="the metric must reach this share of the best baseline's, or lie below it only within noise",
    )
    min_known_share: Share = Field(
        default=0.9,
        description="the items of this share of the champion's training events must be known to the challenger",
    )
    heed_realised: bool = Field(
        default=False,
        description="true: no promotion on a day whose realised recall fell below its band: its data, or the lists, "
        "are in doubt",
    )
    unreadable_champion: UnreadableChampion = Field(
        default="judge",
        description='a champion whose files are gone or spoiled: "judge" as on a first night, or "refuse"',
    )

    @property
    def floors(self) -> dict[str, float]:
        """Metric -> the least value it may have; 0 asks for nothing."""
        return {"recall@20": self.min_recall, "mrr@20": self.min_mrr, "coverage@20": self.min_coverage}


class Tuning(Section):
    """The search for better parameters."""

    trials: AtLeastOne = Field(
        default=30,
        le=100_000,
        description="trials a study has in all, pruned and diverged ones included; a study that was stopped goes on",
    )
    parallel: AtLeastOne = Field(default=1, le=1024, description="trials at a time, each on one thread")
    study: FileName = Field(
        default="tuning",
        description="the study's name: its file lies in <data folder>/tuning; another name begins anew",
    )
    preset: TunedName = Field(
        default="tuned",
        description="the name that the best parameters are written under: [model] preset can be set to it",
    )
    loss: Literal["cross-entropy", "bpr-max", "both"] = Field(
        default="both", description='"cross-entropy", "bpr-max" or "both"'
    )
    metric: RankMetric = Field(
        default="recall@20", description="what is made as large as possible, on the validation days"
    )
    epochs: AtLeastOne = Field(default=5, le=100_000, description="of a trial, the best one counts")
    n_sample: NotNegative = Field(default=2048, le=2**20, description="additional negatives")
    most_units: AtLeastOne = Field(default=512, le=2**14, description="the widest network tried")
    selected_features: list[Name] = Field(
        default=[],
        description='columns of the items table, such as ["genres"]: the network over features is searched too',
    )
    seed: NotNegative = Field(default=0, description="of the search")
