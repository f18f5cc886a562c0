"""Studies: a paper's table, run again, and measured beside printed.

`<entry>/studies/<name>.toml` lists the systems that a table needs and how its numbers were taken; the printed numbers
are data of the board and come in from outside.
"""
