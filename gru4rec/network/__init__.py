"""The model: item tables, recurrent layers, scores; how several models become one."""
