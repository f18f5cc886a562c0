"""Pages from results: a pure function of what lies under the results folders. Never imports torch."""
