"""Regression: what a change of the project does to results that are there, by two revisions of its git repository.

running.py     the line of `regression`: read both sides, compare, judge
revisions.py   results as a revision has them, written to a folder; nothing is checked out
sides.py       the results of one side, by system
lost.py        what one side has and the other lacks: cells, devices, speeds
exact.py       what may not change: parameters, bytes, MACs; and the score of the same predictions
drops.py       scores, by a test that knows of locations and of seeds
slower.py      speeds, as ratios to the baseline that was timed beside them
findings.py    what was found, with its verdict; the record that is written as JSON
shown.py       the same as a table, and as Markdown for a pull request
changed.py     the entries that a change touches
"""
