"""Probes: what a trained system is asked, one file an analysis. They run where the system runs, without labels."""
