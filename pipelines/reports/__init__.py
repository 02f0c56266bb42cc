"""The night's report: one HTML page a night that needs nothing beside it.

`contents` reads what the night left on disk and in MLflow, `page` and `drawings` make HTML of it, `make` writes it
below data/reports, and the asset `night_report` does so each night.
"""
