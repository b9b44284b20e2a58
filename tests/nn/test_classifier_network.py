"""A classifier network gives probabilities and features in one pass."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shelfwise.core.types import Floats, Rows
from shelfwise.nn.classifier_network import ClassifierNetwork, run_classifier

INPUTS, FEATURES, LABELS = 4, 3, 2


class Small(ClassifierNetwork):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(INPUTS, FEATURES)
        self.dropout = nn.Dropout(0.9)
        self.output = nn.Linear(FEATURES, LABELS)

    def features(self, rows: Tensor) -> Tensor:
        hidden: Tensor = self.hidden(rows)
        return hidden.tanh()


class RowBatches:
    def __init__(self, rows: Floats) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.rows[rows]),)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_probabilities_and_features_are_the_networks_own(count: int) -> None:
    torch.manual_seed(0)
    network = Small().eval()
    rows = np.random.default_rng(0).normal(size=(count, INPUTS)).astype(np.float32)
    probabilities, features = run_classifier(network, RowBatches(rows), batch_size=2)
    assert probabilities.shape == (count, LABELS)
    assert features.shape == (count, FEATURES)
    with torch.inference_mode():
        np.testing.assert_allclose(
            probabilities, network(torch.from_numpy(rows)).sigmoid().numpy(), atol=1e-6
        )
        np.testing.assert_allclose(
            features, network.features(torch.from_numpy(rows)).numpy(), atol=1e-6
        )


def test_dropout_is_for_training_alone() -> None:
    torch.manual_seed(0)
    network = Small()
    rows = torch.ones(50, INPUTS)
    assert len(network.train()(rows).unique(dim=0)) > 1
    assert len(network.eval()(rows).unique(dim=0)) == 1
