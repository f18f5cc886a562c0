"""What a challenge package must keep; `validate` says which file, line and key breaks it."""

from __future__ import annotations

from harness.rules.rule import Rule

PACKAGE_RULES: tuple[Rule, ...] = (
    Rule(
        "package.missing",
        "The package is there.",
        "harness.packages.validating:validate",
        "a path that does not exist",
    ),
    Rule(
        "package.empty",
        "There is something in it.",
        "harness.packages.validating:validate",
        "an empty folder",
    ),
    Rule(
        "package.zip",
        "A zip opens.",
        "harness.packages.contents:Contents._list_zip",
        "a zip that was cut off",
    ),
    Rule(
        "package.path",
        "No file of a zip lies outside the package, and names are plain.",
        "harness.packages.contents:_forbidden",
        "../outside.csv",
    ),
    Rule(
        "package.link",
        "Files are files, no links.",
        "harness.packages.contents:Contents._list_folder",
        "a link to /etc/passwd",
    ),
    Rule(
        "package.twice",
        "No file of a zip is there twice.",
        "harness.packages.contents:Contents._list_zip",
        "two files of one name",
    ),
    Rule(
        "package.size",
        "Files are as large as such files are; nothing is unpacked to find out.",
        "harness.packages.contents:Contents.read",
        "10 GB by the header of the zip",
    ),
    Rule(
        "package.damaged",
        "Every file can be read whole.",
        "harness.packages.contents:Contents.read",
        "a wrong checksum",
    ),
    Rule(
        "package.encoding",
        "Tables and meta files are UTF-8 text without a byte order mark.",
        "harness.packages.contents:Contents.text",
        "a table saved as Latin-1",
    ),
    Rule(
        "package.names",
        "Labels are `<Lastname>_<institute>_task1_<number>`; folders and files are called after them, and each "
        "system has its meta file and every output.",
        "harness.packages.validating:_systems",
        "output.subset_25.csv",
    ),
    Rule(
        "package.columns",
        "An output has the columns `filename`, `scene_label` and the ten classes in alphabetical order, with tabs"
        " between them.",
        "harness.packages.outputs:Reading._header",
        "eleven columns",
    ),
    Rule(
        "package.lines",
        "Lines end with LF.",
        "harness.packages.outputs:Reading._line_ends",
        "CR LF",
    ),
    Rule(
        "package.row",
        "Every row has a value for every column.",
        "harness.packages.outputs:Reading._row",
        "a row without its last value",
    ),
    Rule(
        "package.clips",
        "Every clip of the evaluation list has one row, and no other clip has any.",
        "harness.packages.outputs:Reading.require",
        "a clip twice",
    ),
    Rule(
        "package.name",
        "Clips are named with or without `audio/`, as the edition wants.",
        "harness.packages.outputs:Reading._name",
        "audio/1.wav in 2024",
    ),
    Rule(
        "package.label",
        "`scene_label` is one of the ten classes.",
        "harness.packages.outputs:Reading._row",
        "airprot",
    ),
    Rule(
        "package.probability",
        "Probabilities are numbers from 0 to 1 that sum to 1 within 0.01.",
        "harness.packages.outputs:Reading._probabilities",
        "logits",
    ),
    Rule(
        "package.argmax",
        "`scene_label` is the class with the highest probability.",
        "harness.packages.outputs:Reading._probabilities",
        "a label of another class",
    ),
    Rule(
        "package.yaml",
        "A meta file is YAML: keys once, no tabs, nothing that refers to itself.",
        "harness.packages.meta_files:read",
        "a wrong indent under external_datasets",
    ),
    Rule(
        "package.meta",
        "A meta file has the keys of the template with values of their types; label, authors, classes and devices"
        " are those there are.",
        "harness.packages.meta_files:read",
        "total_params",
    ),
    Rule(
        "package.limits",
        "What is declared, and what an inference package costs for any device, is within the limits.",
        "harness.packages.validating:_cost",
        "30,000,001 MACs",
    ),
    Rule(
        "package.complexity",
        "What is declared is what is measured, and what predicts.",
        "harness.packages.validating:_as_measured",
        "MACs of another network",
    ),
    Rule(
        "package.report",
        "The technical report is there, by its name, as PDF (a warning where it is missing).",
        "harness.packages.validating:_report",
        "draft.docx",
    ),
    Rule(
        "package.inference",
        "Modules of an inference package (2025) define `predict`, `load_model`, `load_inputs` and "
        "`get_model_for_device`, import where they are installed alone, and return finite logits for every "
        "device.",
        "harness.packages.validating:module_faults",
        "predict(files)",
    ),
    Rule(
        "package.predictions",
        "An inference package predicts what the output says.",
        "harness.packages.asking:_predicted",
        "an output of another training",
    ),
)
