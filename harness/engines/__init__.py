"""Where the cells are walked: on this machine, or on many."""
