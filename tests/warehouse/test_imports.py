"""What importing a module of the warehouse costs."""


def test_config_and_tables_import_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, warehouse.config, warehouse.layout, warehouse.tables, warehouse.engine.duckdb_engine\n"
        "import warehouse.steps.sessions.build\n"
        "print([name for name in ('duckdb', 'pyarrow', 'deltalake', 'numpy', 'torch') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
