"""The networks of the papers: one idea a file, state-dict keys those of the released checkpoints."""
