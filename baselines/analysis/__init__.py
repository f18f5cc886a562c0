"""What trained systems have in common and what they stand: the analyses of paper 003, for systems of any entry.

An analysis NAME is two files. `probes/NAME.py` asks one trained system, in a process that sees no labels:

    def probe(system: contract.Probed) -> {name: array}

`comparisons/NAME.py` says what the arrays of several systems mean, in a process without torch (see `findings`):

    TITLE
    def panels(measure) -> (Panel, …)
    def compare(probed, score) -> [Point, …]

`python -m harness analyse NAME …` finds both by their name. The arithmetic lies beside them: `similarity`, `distances`,
`disturbances`.
"""
