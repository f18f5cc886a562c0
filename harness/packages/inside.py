"""Asks a module of an inference package what it predicts and what it costs. Runs alone, where only torch is installed.

    python -I inside.py PACKAGE_FOLDER MODULE QUESTIONS.json ANSWERS.json

Questions: `dummy`, a file; `devices`; `clips`, pairs of a file and a device. Counts as the organisers do: torchinfo on
a float32 copy of what `get_model_for_device` returns, bytes of its parameters by their own types.
"""

from __future__ import annotations

import copy
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch


def asked(folder: str, name: str, questions: dict[str, Any]) -> dict[str, Any]:
    """What the module answers, in plain values."""
    sys.path.insert(0, folder)
    module = importlib.import_module(name)
    model = module.load_model()
    devices, dummy = questions["devices"], questions["dummy"]
    costs = {device: _cost(module, model, dummy, device) for device in devices}
    logits, order = module.predict([dummy] * len(devices), devices)
    own = [_logits(module, model, dummy, device) for device in devices]
    clips = questions["clips"]
    found = module.predict([file for file, _ in clips], [device for _, device in clips])[0] if clips else []
    return {
        "class_order": list(order),
        "logits": [_row(one).tolist() for one in logits],
        "by_device": [_row(one).tolist() for one in own],
        "costs": costs,
        "clips": [torch.softmax(_row(one), dim=0).tolist() for one in found],
    }


def _row(logits: Any) -> torch.Tensor:  # noqa: ANN401 - what somebody's module returned
    return torch.as_tensor(logits).detach().reshape(-1).double()


@torch.inference_mode()
def _logits(module: Any, model: Any, dummy: str, device: str) -> torch.Tensor:  # noqa: ANN401 - somebody's module
    """What the model of a device says of the dummy clip."""
    one = module.get_model_for_device(model, device)
    (clip,) = module.load_inputs([dummy], [device], model)
    answer: torch.Tensor = one.eval()(clip)
    return answer.reshape(-1).float()


def _cost(module: Any, model: Any, dummy: str, device: str) -> dict[str, int | None]:  # noqa: ANN401
    own = module.get_model_for_device(model, device)
    (clip,) = module.load_inputs([dummy], [device], model)
    parameters = list(own.parameters())
    return {
        "parameters": sum(one.numel() for one in parameters),
        "bytes": sum(one.numel() * one.element_size() for one in parameters),
        "macs": _macs(own, clip),
    }


def _macs(model: torch.nn.Module, clip: torch.Tensor) -> int | None:
    """By torchinfo; None where it is not installed."""
    try:
        from torchinfo import summary  # noqa: PLC0415 - maybe not here
    except ImportError:
        return None
    wide = copy.deepcopy(model).float()
    found = summary(wide, input_data=clip.float(), verbose=0, device=torch.device("cpu"))
    return int(found.total_mult_adds)


if __name__ == "__main__":
    folder, name, questions, answers = sys.argv[1:]
    found = asked(folder, name, json.loads(Path(questions).read_text()))
    Path(answers).write_text(json.dumps(found))
