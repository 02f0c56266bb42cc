"""Whole nights as readers see them: a list, a comparison, an export."""
