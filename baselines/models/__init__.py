"""The networks of the papers: one idea a file, state-dict keys those of the released checkpoints.

`build(name, **options)` is the front door; catalogue.py lists the names and their options. network.py is what they
share, inference.py their form for prediction.
"""

from baselines.models.catalogue import BUILDERS, build
from baselines.models.inference import for_inference
from baselines.models.network import Network

NAMES = tuple(BUILDERS)
"""Every name that `build` knows."""

__all__ = ["NAMES", "Network", "build", "for_inference"]
