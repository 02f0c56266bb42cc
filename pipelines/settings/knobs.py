"""All knobs: the sections, by the names that they have in `pipeline.toml`."""

from pipelines.settings import list_sections, model_sections, sections


class Knobs(sections.Section):
    """All sections, in the order of the night."""

    partitions: sections.Partitions = sections.Partitions()
    schedule: sections.Schedule = sections.Schedule()
    engine: sections.Engine = sections.Engine()
    events: sections.Events = sections.Events()
    items: sections.Items = sections.Items()
    sessions: sections.Sessions = sections.Sessions()
    splits: sections.Splits = sections.Splits()
    model: model_sections.Model = model_sections.Model()
    evaluation: model_sections.Evaluation = model_sections.Evaluation()
    gate: model_sections.Gate = model_sections.Gate()
    contexts: list_sections.Contexts = list_sections.Contexts()
    recommendations: list_sections.Recommendations = list_sections.Recommendations()
    similar_items: list_sections.SimilarItems = list_sections.SimilarItems()
    mlflow: sections.MLflow = sections.MLflow()
    alerts: sections.Alerts = sections.Alerts()
    tuning: model_sections.Tuning = model_sections.Tuning()
