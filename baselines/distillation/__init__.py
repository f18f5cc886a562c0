"""Knowledge distillation: losses.py, several teachers as one (ensembles.py), teachers at work (teaching.py)."""

from baselines.distillation.ensembles import Ensemble, bea
from baselines.distillation.losses import cross_model_divergence, label_loss, softened_divergence
from baselines.distillation.teaching import Distillation, Teachers

__all__ = [
    "Distillation",
    "Ensemble",
    "Teachers",
    "bea",
    "cross_model_divergence",
    "label_loss",
    "softened_divergence",
]
