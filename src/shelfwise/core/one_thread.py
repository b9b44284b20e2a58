"""Processes that compute on one thread each, so that several of them share a machine well."""

from __future__ import annotations

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""The environment of such a process: its libraries read it as they are loaded."""


def use_one_thread() -> None:
    """Let torch and Arrow compute on one thread; a setting of the whole process, the caller's own."""
    import pyarrow as pa
    import torch

    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
