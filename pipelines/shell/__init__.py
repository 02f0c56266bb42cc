"""`pipelines` in the shell: a night, both UIs, the demo, promotion by hand."""
