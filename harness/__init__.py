"""The referee: rules, data, stages and scores. Knows no model and no HTML."""

__version__ = "0.1.0"
