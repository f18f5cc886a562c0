"""Pretrained weights: anybody's file, a hub or an installed package, as they are or adapted to another task.

files.py reads files safely, sources.py resolves names, loading.py puts weights into networks.
"""

from baselines.pretrained.files import read_weights
from baselines.pretrained.loading import Loaded, Stem, load_pretrained, load_weights
from baselines.pretrained.sources import find_file, read_source

__all__ = ["Loaded", "Stem", "find_file", "load_pretrained", "load_weights", "read_source", "read_weights"]
