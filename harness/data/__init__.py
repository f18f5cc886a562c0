"""Data sets, the packed waveform store, and what a network gets to see of them."""
