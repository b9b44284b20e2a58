"""Products with a sound: a small audio encoder, its vectors in a file, and a model that also reads the title.

Any other encoder works the same way: write one vector a product to ``sounds.npy``, the ids to ``sounds.txt``,
and name the file in the settings. Run ``python examples/audio/train_with_sounds.py [FOLDER]``. It takes less
than a minute.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.signal import stft

from shelfwise import Categorizer
from shelfwise.commands.train import train
from shelfwise.config import Config

RATE = 8_000  # samples a second
TOYS = {
    "whistle": "Wind",
    "flute": "Wind",
    "drum": "Percussion",
    "rattle": "Percussion",
    "music box": "Chimes",
    "bell": "Chimes",
}
SIZES = ("small", "large")
PRODUCTS = 600

SETTINGS: dict[str, Any] = {
    "split": {"train_fraction": 0.75},
    "labels": {"min_count": 10},
    "evaluation": {"bootstrap": 0},
    "stacking": {"folds": 3},
    "members": {
        "title": {"modality": "text_linear", "field": "title"},
        "sound": {
            "modality": "vector",
            "field": "sound",
            "settings": {"source": "sounds.npy", "hidden": 64, "dropout": 0.2},
        },
    },
    "systems": {"mean": {"policy": "mean"}, "ridge": {"policy": "ridge"}},
}


def synthesise(toy: str, size: str, chance: np.random.Generator) -> NDArray[np.float64]:
    """Half a second (4000,) of a toy: tones for some, noise for others; large ones sound lower and longer."""
    time = np.arange(RATE // 2) / RATE
    pitch = {"small": 1.0, "large": 0.55}[size] * chance.uniform(0.9, 1.1)
    fade = np.exp(-time / chance.uniform(0.04, 0.06) * (1 if size == "small" else 0.6))
    noise = chance.normal(size=len(time))
    sounds = {
        "whistle": np.sin(2 * np.pi * 2400 * pitch * time + 4 * np.sin(2 * np.pi * 30 * time)),
        "flute": sum(np.sin(2 * np.pi * 700 * pitch * k * time) / k**2 for k in (1, 2, 3))
        + 0.05 * noise,
        "drum": np.sin(2 * np.pi * 180 * pitch * time) * fade + 0.3 * noise * fade**3,
        "rattle": noise * (np.sin(2 * np.pi * 9 * pitch * time) > 0),
        "music box": sum(np.sin(2 * np.pi * 1000 * pitch * k * time) * fade**k for k in (1, 2.76)),
        "bell": sum(
            np.sin(2 * np.pi * 600 * pitch * k * time) * fade ** (k / 4)
            for k in (1, 2, 3, 4.2, 5.4)
        ),
    }
    sound: NDArray[np.float64] = sounds[toy] * chance.uniform(0.2, 1) + chance.normal(
        0, 0.25, len(time)
    )
    return sound


def mel_bands(bands: int, bins: int) -> NDArray[np.float64]:
    """Triangles (bands, bins) that lie evenly on the mel scale, from 60 Hz to half the sampling rate."""

    def mel(hertz: float) -> float:
        return float(2595 * np.log10(1 + hertz / 700))

    corners = 700 * (10 ** (np.linspace(mel(60), mel(RATE / 2), bands + 2) / 2595) - 1)
    hertz = np.linspace(0, RATE / 2, bins)
    rising = (hertz - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    falling = (corners[2:, None] - hertz) / (corners[2:] - corners[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None)


def mfcc(sound: NDArray[np.float64], coefficients: int = 13) -> NDArray[np.float32]:
    """Mel-frequency cepstral coefficients of a sound, mean and deviation over time: (2 * coefficients,)."""
    power = np.abs(stft(sound, RATE, nperseg=256, noverlap=128)[2]) ** 2
    cepstrum = dct(np.log(mel_bands(26, len(power)) @ power + 1e-8), axis=0, norm="ortho")[
        :coefficients
    ]
    return np.concatenate([cepstrum.mean(axis=1), cepstrum.std(axis=1)]).astype(np.float32)


def write_catalogue(folder: Path, seed: int = 0) -> Path:
    """The catalogue, with ``sounds.npy`` and ``sounds.txt`` beside it.

    A title seldom has the toy's size, a sound always does. A quarter of the titles does not name the toy, and
    a tenth of the products has no sound.
    """
    chance = np.random.default_rng(seed)
    records, vectors, ids = [], [], []
    for number in range(PRODUCTS):
        toy, size = str(chance.choice(list(TOYS))), str(chance.choice(SIZES))
        words = [
            toy if chance.random() < 0.75 else "toy",
            *chance.choice(["wooden", "red", "for kids", "gift", "set", "classic"], 2),
        ]
        if chance.random() < 0.2:
            words.append(size)
        categories = [["Toys", TOYS[toy], toy], [f"{size} size"]]
        records.append(
            {
                "id": f"toy-{number}",
                "title": f"{' '.join(words)} no. {number}",
                "categories": categories,
            }
        )
        if chance.random() < 0.9:
            vectors.append(mfcc(synthesise(toy, size, chance)))
            ids.append(f"toy-{number}")
    np.save(folder / "sounds.npy", np.stack(vectors))
    (folder / "sounds.txt").write_text("\n".join(ids) + "\n", "utf-8")
    catalogue = folder / "toys.jsonl"
    catalogue.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return catalogue


def config() -> Config:
    """The settings above on their own, without the members and systems of a preset."""
    return Config.parse(SETTINGS)


def main(folder: Path) -> None:
    """Write the catalogue, train, and print what title, sound and both together reach."""
    catalogue = write_catalogue(folder)
    results = train(catalogue, folder / "model", config())
    data = results["data"]
    print(
        f"{data['train']} training and {data['test']} test products, {data['labels']} labels; "
        "micro-F1 at the tuned threshold:"
    )
    for name, system in results["systems"].items():
        print(f"  {name:6} {system['micro_f1_tuned']:.3f}")
    model = Categorizer.load(folder / "model")
    model.root = folder  # where sounds.npy is
    print(
        "A toy without a title, by its sound alone:",
        *model.categorize([{"id": "toy-1"}])[0],
        sep="\n  ",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
