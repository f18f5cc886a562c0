"""Frontends: waveforms (batch, samples) to features (batch, 1, n_mels, n_frames), no learnable weights.

mel.py has the log-mel of the DCASE systems and of PaSST, kaldi.py that of AST and PSLA, filterbank.py what makes both
fast.
"""

from baselines.frontends.filterbank import BandedFilterbank
from baselines.frontends.kaldi import (
    AST_AUDIOSET,
    AST_ESC50,
    AST_SPEECH_COMMANDS,
    NORMALISATION,
    PSLA_AUDIOSET,
    PSLA_FSD50K,
    FbankSettings,
    Frames,
    KaldiFbank,
    frames,
)
from baselines.frontends.mel import (
    CP_MOBILE_2023,
    CP_RESNET_2023,
    CP_RESNET_2024,
    CP_RESNET_2024_TEXT,
    DCASE_2022,
    DCASE_2024,
    PASST_2023,
    PASST_2024,
    PASST_AUDIOSET,
    LogMel,
    MelSettings,
    MelSpectrogram,
    mel_filterbank,
)

__all__ = [
    "AST_AUDIOSET",
    "AST_ESC50",
    "AST_SPEECH_COMMANDS",
    "CP_MOBILE_2023",
    "CP_RESNET_2023",
    "CP_RESNET_2024",
    "CP_RESNET_2024_TEXT",
    "DCASE_2022",
    "DCASE_2024",
    "NORMALISATION",
    "PASST_2023",
    "PASST_2024",
    "PASST_AUDIOSET",
    "PSLA_AUDIOSET",
    "PSLA_FSD50K",
    "BandedFilterbank",
    "FbankSettings",
    "Frames",
    "KaldiFbank",
    "LogMel",
    "MelSettings",
    "MelSpectrogram",
    "frames",
    "mel_filterbank",
]
