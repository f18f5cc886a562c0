"""Statistics: how sure a score is, and whether two systems differ. Pure functions of block sums; nothing is rounded.

Clips of one location are not independent: 29,680 test clips of TAU 2022 are 146 places. So whole locations are drawn
anew, not clips, within each class: of n locations n - 1, each counting n / (n - 1) times (Rao and Wu, 1988), which
leaves variances without the small-sample bias of drawing n. Seeds are drawn in the same way, as a second level. All
systems of a board are scored on the same draws, so differences are paired.

    estimates.py     scores with intervals, differences with p-values; what few seeds leave of their freedom
    resampling.py    draws of test locations, and the scores of cells on every draw
    standings.py     ranks that a system may truly have: all pairs tested at once
    mcnemar.py       clips that only one of two systems has right
    crossings.py     where two curves over shares of the training data change places
"""
