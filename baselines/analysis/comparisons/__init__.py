"""Comparisons: what the answers of several systems mean, one file an analysis. Arrays in, numbers out, no torch."""
