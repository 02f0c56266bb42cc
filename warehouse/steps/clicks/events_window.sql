-- The events of the partitions, as far as their time lies in the window.
SELECT {columns} FROM arrived WHERE timestamp >= {first} AND timestamp < {end}
