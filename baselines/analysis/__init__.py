"""What trained networks have in common and how they look at a clip: the analyses of paper 003, for any two systems."""

from baselines.analysis.attention import Distances, attention_maps, mean_distances
from baselines.analysis.similarity import prediction_correlation, svcca

__all__ = ["Distances", "attention_maps", "mean_distances", "prediction_correlation", "svcca"]
