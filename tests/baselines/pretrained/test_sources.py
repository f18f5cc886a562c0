"""Names become weights: files, folders, hubs (a local server stands for one) and packages."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file

from baselines.pretrained import find_file, read_source
from harness.outcomes import Mistake


def mistake(source: str, folder: Path | None = None) -> Mistake:
    with pytest.raises(Mistake) as caught:
        read_source(source, folder)
    assert "\n" not in str(caught.value)
    return caught.value


@contextmanager
def hub(files: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A hub on this machine that answers as the Hugging Face one does; also the requests it got."""
    seen: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def answer(self, *, body: bool) -> None:
            seen.append(f"{self.command} {self.path}")
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            if content is None:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("ETag", f'"{sha256(content or b"").hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if body and content:
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


def go_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends the hub's client there; it reads its own address when it is imported."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)


def weights(tmp_path: Path) -> bytes:
    save_file({"a": torch.arange(3.0)}, tmp_path / "made.safetensors")
    return (tmp_path / "made.safetensors").read_bytes()


@pytest.mark.parametrize("kind", [".safetensors", ".pt", ".pth", ".ckpt"])
def test_a_name_in_a_folder_is_the_file_with_a_kind_of_weights_behind_it(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"passt_dirfms_1{kind}"
    file.touch()
    assert find_file("passt_dirfms_1", tmp_path) == file
    assert find_file(file.name, tmp_path) == file
    assert find_file(file) == file


def test_a_name_that_no_file_has_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "cpr_128k_fms_1.pt").touch()
    (tmp_path / "notes.txt").touch()
    found = mistake("cpr_128k_fms_2", tmp_path)
    assert found.rule == "checkpoint.missing"
    assert "cpr_128k_fms_1" in found.remedy
    assert mistake("x", tmp_path / "none").rule == "checkpoint.missing"
    assert mistake("x").rule == "checkpoint.missing"


@pytest.mark.usefixtures("empty_cache")
def test_a_file_on_the_hub_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub({"/me/model/resolve/main/deep/a.safetensors": weights(tmp_path)}) as (address, seen):
        go_to(address, monkeypatch)
        first = read_source("hf:me/model/deep/a.safetensors")
        requests = len(seen)
        second = read_source("hf:me/model/deep/a.safetensors")
    assert torch.equal(first["a"], torch.arange(3.0))
    assert torch.equal(second["a"], first["a"])
    assert 0 < requests == len(seen)


@pytest.mark.usefixtures("empty_cache")
def test_a_name_of_timm_is_its_file_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    save_file(made.state_dict(), tmp_path / "made.safetensors")
    content = (tmp_path / "made.safetensors").read_bytes()
    known = timm.get_pretrained_cfg("vit_tiny_patch16_224")
    assert known is not None
    with hub({f"/{known.hf_hub_id}/resolve/main/model.safetensors": content}) as (address, _):
        go_to(address, monkeypatch)
        state = read_source("timm:vit_tiny_patch16_224")
    assert state.keys() == made.state_dict().keys()
    assert torch.equal(state["pos_embed"], made.state_dict()["pos_embed"])


@pytest.mark.usefixtures("empty_cache")
def test_what_the_hub_does_not_have_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub({}) as (address, _):
        go_to(address, monkeypatch)
        assert mistake("hf:me/model/a.pt").rule == "checkpoint.unreachable"


@pytest.mark.usefixtures("empty_cache")
def test_offline_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    go_to(closed, monkeypatch)
    for source in ("hf:me/model/a.pt", "timm:vit_tiny_patch16_224"):
        found = mistake(source)
        assert found.rule == "checkpoint.unreachable"
        assert "cannot be fetched" in found.problem
        assert "give its path" in found.remedy


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("hf:me/model", "OWNER/REPOSITORY/FILE"),
        ("timm:tf_efficientnet_b00", "tf_efficientnet_b0"),
        ("timm:nothing_like_it", "list_pretrained"),
        ("package:efficientnet_lite1", "efficientnet_lite0"),
    ],
)
def test_a_source_that_does_not_exist_says_what_does(source: str, words: str) -> None:
    found = mistake(source)
    assert found.rule == "checkpoint.missing"
    assert words in found.remedy


def test_the_package_carries_imagenet_weights() -> None:
    state = read_source("package:efficientnet_lite0")
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_fc.weight"].shape == (1000, 1280)
