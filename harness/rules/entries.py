"""The rules that an entry must keep, and what the harness can check of them."""

from __future__ import annotations

from harness.rules.rule import Rule

ENTRY_RULES: tuple[Rule, ...] = (
    Rule(
        "entry.fields",
        "`submission.toml` has the known keys with values of their types, and no others.",
        "harness.validated:misfit",
        'titel = "Mine"',
    ),
    Rule(
        "entry.names",
        "`submission.py` defines `Config`, `build`, `train` and `predict`.",
        "harness.entry:_require_names",
        "def predcit(classifier, clips):\n    return classifier(clips.waveforms)",
    ),
    Rule(
        "entry.syntax",
        "`submission.py` is Python that can be parsed.",
        "harness.entry:_parse",
        "def predict(classifier, clips)\n    return classifier(clips.waveforms)",
    ),
    Rule(
        "needs.cycle",
        "Systems do not need each other in a circle.",
        "harness.needs:_Reader",
        '[systems.S1]\nneeds = ["S1"]',
    ),
    Rule(
        "needs.entry",
        "`entry` in `needs` is the path of another entry, from the folder of the one that needs it.",
        "harness.needs:_Reader",
        '[systems.S1]\nneeds = [{ system = "S1", entry = "../nobody" }]',
    ),
    Rule(
        "needs.twice",
        "A system's teachers have names of their own.",
        "harness.needs:_require_names",
        '[systems.S0]\n[systems.S1]\nneeds = ["S0", { system = "S2", name = "S0" }]\n[systems.S2]',
    ),
    Rule(
        "contract.config",
        "`Config` is a subclass of `contract.Config`.",
        "harness.child.entries:_require_contract",
        "class Config:\n    width = 8\n    steps = 1",
    ),
    Rule(
        "contract.function",
        "`build`, `train` and `predict` are functions.",
        "harness.child.entries:_require_contract",
        "predict = None",
    ),
    Rule(
        "contract.signature",
        "`build(config, task)`, `train(classifier, data, run)` and `predict(classifier, clips)` can be called so.",
        "harness.child.entries:_require_contract",
        "def predict(classifier):\n    return classifier",
    ),
    Rule(
        "contract.classifier",
        "`build` and `train` return a `contract.Classifier`.",
        "harness.child.entries:require_classifier",
        "def build(config, task):\n    return nn.Linear(40, task.n_classes)",
    ),
    Rule(
        "contract.sample_rate",
        "A classifier's `sample_rate` is a whole number of samples a second.",
        "harness.child.entries:require_classifier",
        "def build(config, task):\n    return Classifier(Energy(), nn.Linear(40, task.n_classes), 8000.5)",
    ),
    Rule(
        "contract.figures",
        "`figures`, where there is one, returns finite numbers by name.",
        "harness.child.entries:figures",
        "def figures(classifier):\n    return {'tokens': float('nan')}",
    ),
    Rule(
        "contract.logits",
        "`predict` returns finite floating-point logits (batch, classes), one row a clip.",
        "harness.logits:require_logits",
        "def predict(classifier, clips):\n    return classifier(clips.waveforms).argmax(1)",
    ),
    Rule(
        "contract.save",
        "What `train` returns can be saved: its classes stand at the top level of the entry's files.",
        "harness.child.kept:save",
        "def train(classifier, data, run):\n    classifier.last = lambda logits: logits\n    return classifier",
    ),
    Rule(
        "config.fields",
        "Settings name fields of `Config`, with values of their types.",
        "harness.validated:misfit",
        "[systems.S1]\nconfig = { widht = 3 }",
    ),
    Rule(
        "config.path",
        "A file or folder that a setting names exists.",
        "harness.child.entries:opened",
        "from pathlib import Path\n\n\nclass Config(contract.Config):\n    width: int = 8\n    steps: int = 1\n"
        "    weights: Path = Path('nowhere.pt')",
    ),
    Rule(
        "limits.complexity",
        "Bytes, multiply-accumulates by this project's count and by torchinfo, and in 2022 the number of "
        "parameters are at most the edition's limits, before training and after it; so are the operations that are "
        "free one by one.",
        "harness.complexity.limits:require_within",
        "def build(config, task):\n    network = nn.Sequential(nn.Linear(40, 2000), nn.Linear(2000, task.n_classes))\n"
        "    return Classifier(Energy(), network, 8000)",
    ),
    Rule(
        "count.operator",
        "`predict` uses operators that can be counted (the tables below). Any other that does arithmetic makes the "
        "system not countable; the message names operator and module.",
        "harness.complexity.running:require_countable",
        "def predict(classifier, clips):\n    return torch.special.i0(classifier(clips.waveforms))",
    ),
    Rule(
        "count.frontend",
        "A frontend does on every clip what it did on the clips that it was inspected with.",
        "harness.complexity.scrutiny:Scrutiny._require_same_frontend",
        "class Late(nn.Module):\n    calls = 0\n\n    def forward(self, waveforms):\n        Late.calls += 1\n"
        "        x = waveforms[:, :40]\n"
        "        return x if Late.calls < 12 else x + 0 * (x @ torch.arange(1600.0).sin().view(40, 40))\n\n\n"
        "def build(config, task):\n    classifier = Classifier(Late(), nn.Linear(40, task.n_classes), 8000)\n"
        "    classifier.steps = 0\n    return classifier\n\n\n"
        "def train(classifier, data, run):\n    return classifier",
    ),
    Rule(
        "count.outside",
        "Every number of a clip stays in torch from waveform to logits: NumPy, Python numbers, other threads and "
        "memory that something else writes to cannot be counted.",
        "harness.complexity.measuring:_require_inside",
        "def predict(classifier, clips):\n    x = classifier.frontend(clips.waveforms).numpy()\n"
        "    return classifier.network(torch.from_numpy(x * 2))",
    ),
    Rule(
        "count.official",
        "torchinfo can run `network(frontend(waveforms))`, as the organisers count it.",
        "harness.complexity.measuring:_official",
        "def build(config, task):\n    network = nn.Linear(40, task.n_classes)\n"
        "    return Classifier(nn.Flatten(), network, 8000)\n\n\ndef predict(classifier, clips):\n"
        "    return classifier.network(clips.waveforms[:, :40])",
    ),
    Rule(
        "predict.alone",
        "A prediction depends on its clip alone: other company, another order, a second call give the same logits up "
        "to rounding (log-probabilities by 0.01; by 0.05 for 8 and 16 bit and on accelerators).",
        "harness.complexity.alone:require_alone",
        "def predict(classifier, clips):\n    logits = classifier(clips.waveforms)\n    return logits - logits.mean(0)",
    ),
    Rule(
        "predict.pure",
        "`predict` opens no file, starts no process or thread, uses no network and loads no library.",
        "harness.complexity.purity:pure",
        "def predict(classifier, clips):\n    open('seen.txt', 'a').close()\n    return classifier(clips.waveforms)",
    ),
    Rule(
        "predict.random",
        "`predict` draws no random numbers.",
        "harness.complexity.running:require_countable",
        "def predict(classifier, clips):\n    logits = classifier(clips.waveforms)\n"
        "    return logits + 1e-9 * torch.randn_like(logits)",
    ),
    Rule(
        "weights.changed",
        "`predict` leaves the classifier's weights as they were counted.",
        "harness.complexity.scrutiny:Scrutiny._require_same_weights",
        "def predict(classifier, clips):\n    logits = classifier(clips.waveforms)\n"
        "    classifier.network[2].bias.data.add_(1e-6)\n    return logits",
    ),
    Rule(
        "weights.digest",
        "The weights that are predicted with are those that `train` returned.",
        "harness.cell:_end",
        "class Forgetful(Classifier):\n    def __setstate__(self, state):\n        super().__setstate__(state)\n"
        "        nn.init.ones_(self.network[2].bias)\n\n\ndef build(config, task):\n"
        "    network = nn.Sequential(nn.Linear(40, 8), nn.Tanh(), nn.Linear(8, task.n_classes))\n"
        "    return Forgetful(Energy(), network, 8000)\n\n\ndef train(classifier, data, run):\n    return classifier",
    ),
    Rule(
        "stage.crashed",
        "No function of the entry raises, exits or is killed.",
        "harness.child:_failed",
        "def train(classifier, data, run):\n    raise ValueError('no such thing')",
    ),
    Rule(
        "stage.time",
        "A stage ends within the track's time.",
        "harness.process:_excess",
        "def train(classifier, data, run):\n    import time\n    time.sleep(1000)",
    ),
    Rule(
        "stage.memory",
        "A stage needs no more memory than the track allows.",
        "harness.process:_excess",
        "def train(classifier, data, run):\n    kept = [torch.ones(1 << 26) for _ in range(100)]",
    ),
    Rule(
        "stage.output",
        "A stage prints no more than the track allows.",
        "harness.process:_excess",
        "def train(classifier, data, run):\n    while True:\n        print('x' * 1000)",
    ),
    Rule(
        "stage.processes",
        "A stage starts no more processes than the track allows.",
        "harness.process:_excess",
        "def train(classifier, data, run):\n    import os, time\n    for _ in range(400):\n        if os.fork() == 0:\n"
        "            time.sleep(100)\n    time.sleep(100)",
    ),
    Rule(
        "speed.answers",
        "While a system is timed it gives the logits that it is scored by, for clips that nobody has heard before.",
        "harness.throughput.honesty:require_same",
        "def predict(classifier, clips):\n    import pathlib\n    logits = classifier(clips.waveforms)\n"
        "    return -logits if pathlib.Path('time.job.json').exists() else logits",
    ),
    Rule(
        "speed.known",
        "Clips of the test list take as long as others.",
        "harness.throughput.honesty:require_unforeseen",
        "def predict(classifier, clips):\n    keys = [clip.numpy().tobytes() for clip in clips.waveforms]\n"
        "    return torch.stack([KEPT[key] for key in keys])",
    ),
    Rule(
        "speed.impossible",
        "Nobody does four times as many multiply-accumulates a second as the fastest product of matrices here.",
        "harness.throughput.honesty:require_possible",
        "def predict(classifier, clips):\n    return KEPT[clips.waveforms.shape]",
    ),
    Rule(
        "speed.processes",
        "A system that is timed starts no processes of its own.",
        "harness.throughput.asking:Asking.require_untouched",
        "import os\n\nif os.fork() == 0:\n    while True:\n        pass",
    ),
    Rule(
        "speed.meddling",
        "No system changes which cores another one may use, or its priority.",
        "harness.throughput.asking:Asking.require_untouched",
        "def predict(classifier, clips):\n    os.setpriority(os.PRIO_PROCESS, other, 19)\n    ...",
    ),
    Rule(
        "speed.time",
        "A system is timed within the track's time.",
        "harness.throughput.asking:Asking.ask",
        "def predict(classifier, clips):\n    time.sleep(1000)",
    ),
    Rule(
        "speed.ended",
        "A system that is timed answers until nobody asks any more.",
        "harness.throughput.asking:Asking.ask",
        "def predict(classifier, clips):\n    os._exit(0)",
    ),
)
