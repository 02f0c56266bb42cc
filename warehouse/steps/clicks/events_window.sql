-- The events of some partitions whose time lies in the window.
SELECT {columns} FROM arrived WHERE timestamp >= {first} AND timestamp < {end}
