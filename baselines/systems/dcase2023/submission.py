"""The official baseline of DCASE 2023 Task 1, as an entry: that of 2022, under the rules of 2023.

Results quoted for it have the figures of 2022 (46,512 bytes, 29.23 million multiply-accumulates) and another accuracy
(44.8 % against 44.2 %, evaluation sets differ); no code of its own was at hand.
"""

from baselines.systems.dcase2022.submission import Config, build, predict, train

__all__ = ["Config", "build", "predict", "train"]
