"""Data at rest. The rooms, from top to bottom; each one imports only from those below it:

cli                                  import, generate, recommendations from the shell
recommendations | steps | sources    the Delta table | from raw events to sessions, splits, contexts | logs, the shop
engine                               what runs SQL and reads and writes parquet
config | layout                      what can be set | where everything lies
partitions                           a day as one file, or as parts with a manifest
tables | whole_files                 every table's columns | how a file appears whole
days | values                        days, UTC | what a value may be
"""
