"""Training: one loop for everything.

loop.py walks, recipe.py and schedules.py have its knobs, objective.py what is minimised, scores.py what is
looked at, records.py what is written.

    class Config(Recipe):                      # an entry's Config inherits the knobs and gives the paper's defaults
        epochs: int = 150
        ...

    fit(classifier, objective(classifier, config, steps, data, run, n_classes), data, run, config)
"""

from baselines.training.loop import Losses, fit
from baselines.training.objective import Objective, objective
from baselines.training.recipe import Averaging, Recipe
from baselines.training.schedules import Constant, Decay, Plateau, WarmupCosine, WarmupRamp
from baselines.training.scores import held_out_scores

__all__ = [
    "Averaging",
    "Constant",
    "Decay",
    "Losses",
    "Objective",
    "Plateau",
    "Recipe",
    "WarmupCosine",
    "WarmupRamp",
    "fit",
    "held_out_scores",
    "objective",
]
