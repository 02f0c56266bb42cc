"""How good a night's model is, and whether it is promoted.

The asset offline_evaluation measures (compare) and writes what it found (table, report, figures). The asset
champion_model asks the gate and moves the alias.
"""
