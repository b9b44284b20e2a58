"""The systems that are measured, quick ones first. Each rival has a folder: requirements.txt and run.py."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEXT, PICTURE = "title + description", "title + description + image"


@dataclass(frozen=True)
class Rival:
    """One row of the table.

    Args:
        title: what it is, in words.
        folder: with its run.py and, where it needs an environment of its own, its requirements.txt.
        fields: what it looks at.
        variant: given to run.py, where several rows share one.
    """

    title: str
    folder: str
    fields: str
    variant: str = ""

    @property
    def script(self) -> Path:
        """What is run."""
        return HERE / self.folder / "run.py"

    @property
    def requirements(self) -> Path | None:
        """What its environment holds; None runs in the interpreter at hand."""
        path = HERE / self.folder / "requirements.txt"
        return path if path.exists() else None

    def key(self, task: str) -> str:
        """Identifies its predictions: they are valid while the task and the rival's files are the same."""
        files = [self.script, self.requirements, HERE / "harness.py", HERE / "pretrained.py"]
        texts = [path.read_text("utf-8") for path in files if path is not None]
        return hashlib.sha256(json.dumps([task, self.variant, texts]).encode()).hexdigest()


RIVALS = {
    "scikit-learn": Rival(
        "TF-IDF of the text, one-vs-rest logistic regression", "scikit_learn", TEXT, "joined"
    ),
    "scikit-learn-fields": Rival(
        "TF-IDF a field each and of title characters, one-vs-rest logistic regression",
        "scikit_learn",
        TEXT,
        "fields",
    ),
    "libmultilabel-1vsrest": Rival(
        "LibMultiLabel, linear, one-vs-rest", "libmultilabel", TEXT, "1vsrest"
    ),
    "libmultilabel-tree": Rival(
        "LibMultiLabel, linear, tree of labels", "libmultilabel", TEXT, "tree"
    ),
    "fasttext": Rival("fastText, one-vs-all", "fasttext", TEXT),
    "pecos": Rival("PECOS, XR-Linear", "pecos", TEXT),
    "napkinxc": Rival("napkinXC, probabilistic label tree", "napkinxc", TEXT),
    "early-fusion": Rival(
        "TF-IDF, MiniLM and EfficientNet-Lite0 side by side, logistic regression",
        "early_fusion",
        PICTURE,
    ),
    "kimcnn": Rival("LibMultiLabel, KimCNN", "kimcnn", TEXT),
    "setfit": Rival("SetFit, MiniLM, one-vs-rest", "setfit", TEXT),
    "widedeep": Rival("pytorch-widedeep, text and image", "widedeep", PICTURE),
    "ludwig": Rival("Ludwig, texts and image", "ludwig", PICTURE),
}


def bundle(folder: Path) -> Rival:
    """Our own row: a model that was trained on the same catalogue."""
    return Rival(
        f"shelfwise, {folder.name}", "ours", "all it can use", f"bundle:{folder.resolve()}"
    )


def preset(name: str) -> Rival:
    """Our own row: a preset, trained here."""
    return Rival(f"shelfwise, preset {name}", "ours", "all it can use", f"preset:{name}")
