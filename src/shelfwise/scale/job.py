"""What a worker has to know, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from shelfwise.disk.files import json_text
from shelfwise.scale.plan import LabelPlan


@dataclass(frozen=True)
class Job:
    """What a worker has to know.

    Args:
        model: the folder of the model.
        source: where the shards are.
        out: where the parts go; None: the shards are evaluated, and nothing is written.
        image_root: the folder that image paths are relative to.
        plan: the run.
    """

    model: str
    source: str
    out: str | None
    image_root: str
    plan: LabelPlan

    def to_line(self) -> bytes:
        """The job as one line of JSON."""
        content = {**vars(self), "plan": self.plan.to_bytes().decode()}
        return json_text(content).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """What :meth:`to_line` gave."""
        content = json.loads(line)
        plan = LabelPlan.from_bytes(content["plan"].encode(), content["source"])
        return cls(**{**content, "plan": plan})
