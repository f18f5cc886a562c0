"""Reference parts to build entries from, and (in `systems/`) the official baselines to beat, as entries."""
