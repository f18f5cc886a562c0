"""Device impulse responses against the official numbers, scipy's convolution, and folders that hold none."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import scipy.stats
import soundfile
import torch
from safetensors.torch import load_file
from torch import Tensor

from baselines.augmentations import DeviceResponse
from baselines.augmentations.responses import Responses, load_responses
from harness.contract import Mistake
from tests.baselines.augmentations import batch_of, relative, seeded


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "golden/augment/dir_convolution.safetensors")


@pytest.fixture
def real(shared: Path, tmp_path: Path) -> Path:
    """A folder with the one microphone of the golden numbers, 48 kHz."""
    shutil.copy(shared / "data/micirp/EV_RE20_HPF.wav", tmp_path)
    return tmp_path


def written(folder: Path, responses: dict[str, np.ndarray], sample_rate: int = 1000) -> Path:
    """A folder of WAVs in float32, (samples,) or (samples, channels) each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, samples in responses.items():
        soundfile.write(folder / name, samples.astype(np.float32), sample_rate, subtype="FLOAT")
    return folder


def convolved(waveforms: Tensor, responses: list[np.ndarray]) -> np.ndarray:
    """The first samples of scipy's whole convolution, in float64."""
    pairs = zip(waveforms.double().numpy(), responses, strict=True)
    return np.stack([scipy.signal.convolve(clip, response, mode="full")[: len(clip)] for clip, response in pairs])


@pytest.mark.parametrize(("response", "y"), [("mid.ir_32k", "out.real"), ("in.ir_synth", "out.synth")])
def test_convolved_clips_are_those_of_the_official_code(golden: dict[str, Tensor], response: str, y: str) -> None:
    responses = Responses(("one",), golden[response][None])
    found = responses.convolve(golden["in.wave32k"], torch.zeros(4, dtype=torch.int64))
    assert relative(found, golden[f"{y}_f64"]) < 1e-5
    assert relative(found, golden[y]) < 1e-5


def test_a_microphone_is_read_and_resampled_as_the_official_code_does(golden: dict[str, Tensor], real: Path) -> None:
    native = load_responses(real, int(golden["in.ir_native_sr"]))
    assert torch.equal(native.samples[0], golden["in.ir_native"])
    responses = load_responses(real, 32000)
    assert responses.names == ("EV_RE20_HPF",)
    expected = golden["mid.ir_32k"]  # its length rounded up by a sample of silence: 16457 * 2 / 3 is 10971.3
    assert relative(responses.samples[0], expected[:10971]) < 1e-6
    assert not expected[10971:].any()
    assert responses.samples.shape == (1, 10971)


def test_the_step_convolves_as_the_official_code_from_the_file_on(golden: dict[str, Tensor], real: Path) -> None:
    batch = batch_of(golden["in.wave32k"], sample_rate=32000, responses=real)
    found = DeviceResponse(probability=1).apply(batch, seeded()).x
    assert relative(found, golden["out.real_f64"]) < 1e-4


def test_all_of_micirp_is_read_in_the_order_of_its_names(shared: Path, golden: dict[str, Tensor]) -> None:
    folder = shared / "data/micirp"
    responses = load_responses(folder, 32000)
    assert len(responses) == 66
    assert list(responses.names) == sorted(path.stem for path in folder.glob("*.wav"))
    microphone = responses.samples[responses.names.index("EV_RE20_HPF")]
    assert relative(microphone[:10972], golden["mid.ir_32k"]) < 1e-4
    assert not microphone[10972:].any()  # filled up to the length of the longest


@pytest.mark.parametrize("heard_at", [None, 32000])
def test_responses_are_resampled_to_the_waveforms_rate_or_to_the_one_that_paper_004_takes(
    real: Path, heard_at: int | None
) -> None:
    x = torch.randn(1, 30_000, generator=seeded())
    batch = batch_of(x, sample_rate=44100, responses=real)
    found = DeviceResponse(probability=1, resampled_to=heard_at).apply(batch, seeded()).x
    response = load_responses(real, heard_at or 44100).samples[0]
    assert len(response) == pytest.approx(16457 * (heard_at or 44100) / 48000, abs=1)
    assert relative(found, torch.from_numpy(convolved(x, [response.double().numpy()]))) < 1e-5


@pytest.mark.parametrize(("samples", "taps"), [(50, 7), (50, 50), (50, 51), (50, 400), (1, 30), (97, 1)])
@pytest.mark.parametrize("clips", [1, 3])
def test_a_convolution_is_scipy_s_for_every_length(samples: int, taps: int, clips: int) -> None:
    generator = seeded(samples + taps)
    x = torch.randn(clips, samples, generator=generator)
    known = torch.randn(4, taps, generator=generator)
    which = torch.tensor([2, 0, 3])[:clips]
    responses = Responses(tuple("abcd"), known)
    expected = torch.from_numpy(convolved(x, list(known[which].double().numpy())))
    for _ in range(2):  # the second time with the spectra that were kept
        assert relative(responses.convolve(x, which), expected) < 1e-5


def test_clips_of_two_lengths_are_convolved_with_the_same_responses() -> None:
    known = torch.randn(2, 40, generator=seeded())
    responses = Responses(("a", "b"), known)
    for samples in (30, 31, 200):
        x = torch.randn(2, samples, generator=seeded(samples))
        expected = torch.from_numpy(convolved(x, list(known.double().numpy())))
        assert relative(responses.convolve(x, torch.tensor([0, 1])), expected) < 1e-5


def test_no_loudness_is_kept_no_delay_taken_back_and_no_peak_clipped(tmp_path: Path) -> None:
    folder = written(tmp_path, {"late_and_loud.wav": np.array([0.0, 0.0, 5.0])})
    x = torch.tensor([[1.0, -1.0, 0.5, 0.25]])
    found = DeviceResponse(probability=1).apply(batch_of(x, responses=folder), seeded()).x
    assert torch.allclose(found, torch.tensor([[0.0, 0.0, 5.0, -5.0]]), atol=1e-5)


def test_stereo_responses_are_averaged_and_short_ones_filled_up(tmp_path: Path) -> None:
    stereo = np.array([[1.0, 0.5], [0.0, -0.5], [0.25, 0.25]])
    folder = written(tmp_path, {"b.wav": stereo, "a.WAV": np.array([0.5]), "notes.txt.wav": np.array([0.125, 0.5])})
    (folder / "README.md").write_text("not audio, and no response either")
    responses = load_responses(folder, 1000)
    assert responses.names == ("a", "b", "notes.txt")
    expected = torch.tensor([[0.5, 0, 0], [0.75, -0.25, 0.25], [0.125, 0.5, 0]])
    assert torch.equal(responses.samples, expected)


def test_flac_and_aiff_are_read_too(tmp_path: Path) -> None:
    for name, kind in {"one.flac": "FLAC", "two.aiff": "AIFF", "three.aif": "AIFF"}.items():
        soundfile.write(tmp_path / name, np.array([0.5, -0.25]), 1000, subtype="PCM_16", format=kind)
    responses = load_responses(tmp_path, 1000)
    assert responses.names == ("one", "three", "two")
    assert torch.equal(responses.samples, torch.tensor([0.5, -0.25]).expand(3, 2))


@pytest.fixture
def gains(tmp_path: Path) -> Path:
    """Five responses that do nothing but make a clip 2, 3, 4, 5 or 6 times as loud, so that each leaves its name."""
    return written(tmp_path / "gains", {f"{gain}.wav": np.array([gain]) for gain in (2.0, 3.0, 4.0, 5.0, 6.0)})


def gains_heard(step: DeviceResponse, folder: Path, devices: tuple[str, ...]) -> np.ndarray:
    """How much louder each clip became: 1 where nothing happened."""
    x = torch.ones(len(devices), 4)
    found = step.apply(batch_of(x, devices=devices, responses=folder), seeded()).x
    assert torch.allclose(found, found.round(), atol=1e-4)
    assert torch.equal(found.round(), found[:, :1].round().expand_as(x))
    heard: np.ndarray = found[:, 0].round().long().numpy()
    return heard


def test_clips_of_device_a_only_are_convolved_with_the_probability_and_any_response(gains: Path) -> None:
    devices = ("a", "b", "a", "s1") * 2000
    heard = gains_heard(DeviceResponse(probability=0.6), gains, devices)
    ours = np.array(devices) == "a"
    assert set(heard[~ours]) == {1}
    changed = heard[ours][heard[ours] > 1]
    assert scipy.stats.binomtest(len(changed), 4000, 0.6).pvalue > 0.01
    assert scipy.stats.chisquare(np.bincount(changed, minlength=7)[2:]).pvalue > 0.01


def test_other_devices_can_be_named(gains: Path) -> None:
    devices = ("a", "b", "c", "s1") * 10
    heard = gains_heard(DeviceResponse(probability=1, devices=("b", "s1")), gains, devices)
    assert [device for device, gain in zip(devices, heard, strict=True) if gain > 1] == ["b", "s1"] * 10


@pytest.mark.parametrize(("probability", "devices"), [(0.0, ("a",) * 20), (1.0, ("b", "c", "s1") * 7)])
def test_no_clip_to_convolve_leaves_the_batch_as_it_was(
    gains: Path, probability: float, devices: tuple[str, ...]
) -> None:
    assert set(gains_heard(DeviceResponse(probability=probability), gains, devices)) == {1}


def test_devices_have_no_say_in_what_is_drawn_next(gains: Path) -> None:
    """So that a run on other devices has the same masks and partners."""
    one, other = seeded(), seeded()
    step = DeviceResponse(probability=0.5)
    step.apply(batch_of(torch.ones(6, 4), devices=("a",) * 6, responses=gains), one)
    step.apply(batch_of(torch.ones(6, 4), devices=("b",) * 6, responses=gains), other)
    assert torch.equal(one.get_state(), other.get_state())


@pytest.mark.parametrize("clips", [1, 12])
def test_a_seed_gives_the_same_clips_and_leaves_those_before_alone(gains: Path, clips: int) -> None:
    x = torch.randn(clips, 10, generator=seeded())
    kept = x.clone()
    batch, step = batch_of(x, responses=gains), DeviceResponse(probability=0.7)
    torch.manual_seed(1)
    one = step.apply(batch, seeded(3)).x
    torch.manual_seed(2)  # the global generator has no say
    assert torch.equal(step.apply(batch, seeded(3)).x, one)
    assert any(not torch.equal(step.apply(batch, seeded(seed)).x, one) for seed in range(4, 12))
    assert torch.equal(x, kept)


def refused(responses: Path | None) -> Mistake:
    with pytest.raises(Mistake) as raised:
        DeviceResponse(probability=1).apply(batch_of(torch.ones(1, 4), responses=responses), seeded())
    for sentence in (raised.value.problem, raised.value.remedy):
        assert sentence.endswith(".")
        assert "\n" not in sentence
    return raised.value


def test_a_recipe_without_responses_is_refused_even_where_no_clip_would_hear_one() -> None:
    assert refused(None).rule == "responses.none"
    with pytest.raises(Mistake, match="responses"):
        DeviceResponse(probability=0).apply(batch_of(torch.ones(1, 4), devices=("b",)), seeded())


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    mistake = refused(tmp_path / "elsewhere")
    assert mistake.rule == "responses.folder"
    assert str(tmp_path / "elsewhere") in mistake.problem


def test_a_file_in_place_of_a_folder_is_refused(gains: Path) -> None:
    assert refused(gains / "2.0.wav").rule == "responses.folder"


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("no audio")
    mistake = refused(tmp_path)
    assert mistake.rule == "responses.empty"
    assert str(tmp_path) in mistake.problem


@pytest.mark.parametrize("content", [b"", b"not a wave", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_a_file_that_is_no_audio_is_refused_by_name(gains: Path, content: bytes) -> None:
    (gains / "broken.wav").write_bytes(content)
    mistake = refused(gains)
    assert mistake.rule == "responses.file"
    assert "broken.wav" in mistake.problem


@pytest.mark.parametrize("samples", [np.zeros(0), np.array([1.0, np.nan]), np.array([np.inf, 0.0])])
def test_a_response_without_numbers_is_refused_by_name(gains: Path, samples: np.ndarray) -> None:
    written(gains, {"hollow.wav": samples})
    mistake = refused(gains)
    assert mistake.rule == "responses.file"
    assert "hollow.wav" in mistake.problem


def test_a_folder_put_right_is_read(gains: Path) -> None:
    (gains / "broken.wav").write_bytes(b"not a wave")
    assert refused(gains).rule == "responses.file"
    (gains / "broken.wav").unlink()
    assert len(load_responses(gains, 1000)) == 5
