"""`pipelines` in the shell: a night, the UIs, the demo, promotion by hand."""
