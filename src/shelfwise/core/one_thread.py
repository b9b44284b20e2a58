"""Processes that compute on one thread each, so that several of them share a machine well."""

from __future__ import annotations

import sys

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""The environment of such a process: its libraries read it as they are loaded."""


def use_one_thread() -> None:
    """Let Arrow and torch compute on one thread; a setting of the whole process, the caller's own.

    Torch is not imported for it, as an exported model does without. Where it is loaded later, it reads
    :data:`ONE_THREAD`, which must be in the environment.
    """
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
