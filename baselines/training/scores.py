"""What a training knows of itself: scores on clips that it does not learn from."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.distillation import label_loss
from harness.contract import Classifier, TrainingData

BATCH = 64


@torch.no_grad()
def held_out_scores(classifier: Classifier, data: TrainingData) -> dict[str, float]:
    """Scores of the classifier as it is: "held_out_loss" and "score".

    The score is the accuracy, or mean average precision where clips have several labels.
    """
    training = classifier.network.training
    classifier.eval()
    parts = [(classifier(batch.waveforms).float().cpu(), batch.labels.cpu()) for batch in data.batches(BATCH)]
    classifier.network.train(training)
    logits, labels = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    if labels.dim() == 2:
        return {
            "held_out_loss": float(label_loss(logits, labels, "sigmoid")),
            "score": mean_average_precision(logits, labels),
        }
    right = (logits.argmax(1) == labels).double().mean()
    return {"held_out_loss": float(label_loss(logits, labels)), "score": float(right)}


def mean_average_precision(logits: Tensor, labels: Tensor) -> float:
    """Mean over classes of the precision at each of their clips; logits and labels, 0 and 1, (clips, classes).

    Of clips with equal logits all are taken at once; classes without a clip are left out. The referee's own is
    `harness.multilabel`, which no entry imports.
    """
    found = []
    for scores, has in zip(logits.T, labels.bool().T, strict=True):
        if not has.any():
            continue
        sorted_scores, order = scores.sort(descending=True, stable=True)
        last = torch.searchsorted(-sorted_scores, -sorted_scores, right=True)  # of the run of equals that each is in
        hits = has[order].double().cumsum(0)
        found.append((hits[last - 1] / last)[has[order]].mean())
    return float(torch.stack(found).mean()) if found else 0.0
