"""The line of `export`: the weights of a trained network as a file that other systems may begin with."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness import cell, process, trained
from harness.evaluation import Hands, Places
from harness.files import replacing
from harness.job import WEIGHTS
from harness.outcomes import Mistake
from harness.plan import Choice

ENDING = ".safetensors"


def export(entry: Path, system: str, track: str, choice: Choice, places: Places, out: Path, hands: Hands) -> None:
    """Writes the weights of one cell, by the names of the network's state dict, to `out`, whole or not at all.

    Raises `Mistake` where the choice is not of one cell, it is not trained, or its weights are packed.
    """
    if out.suffix != ENDING:
        raise Mistake("export.ending", f"{out} does not end in {ENDING}.", f"Give --out FILE{ENDING}.")
    found = trained.find(entry, trained.named(entry, (system,)), track, choice, places, hands)
    if len(found.cells) != 1:
        problem = f"{len(found.cells)} cells of {system} are trained, and a file has the weights of one."
        raise Mistake("export.cells", problem, "Say --split and --seed.")
    ((ready,),) = found.cells.values()
    job = cell.exporting(ready, found.ground)
    with cell.alone(job.folder):
        answer = process.run(job, cell.allowance("check", found.ground.track), hands.nursery)
        if answer.reason is not None:
            raise Mistake(answer.reason.rule, answer.reason.problem, answer.reason.remedy)
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as stream, (job.folder / WEIGHTS).open("rb") as weights:
            shutil.copyfileobj(weights, stream)
        (job.folder / WEIGHTS).unlink()
