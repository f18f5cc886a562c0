"""Analyses: what trained systems have in common, and what they stand. It knows no analysis; those are plug-ins.

running.py    the line of `analyse`: which cells, what each is asked in a process of its own, what that means
plugins.py    finds probes and comparisons by name (`baselines.analysis`)
judging.py    how well clips are told apart, for comparisons, which have no labels
finding.py    what came of it, as a record
"""
