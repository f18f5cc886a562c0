"""Challenge packages: what DCASE takes, written from results; and anybody's package, read with all its faults.

writing.py      the line of `package`: from trained systems to a zip
declared.py     what submission.toml declares for it: the tables `[challenge]`
predicting.py   logits of trained systems on the evaluation set
inference.py    the installable package of 2025; vendoring.py: the code that it takes along

judging.py      the line of `validate`
contents.py     the files of a folder or a zip, which is never unpacked
validating.py   the files of a package, one small check after the other; faults.py: what is wrong, and where
asking.py       an inference package, run by inside.py in a process of its own: does it predict, what does it cost

labels.py       labels of systems, and the names of files that follow from them
outputs.py      output tables: class probabilities of every clip
meta.py         the meta file as a record, filled from results; meta_files.py: as text, read with its faults
"""
