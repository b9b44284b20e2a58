"""What a checkpoint has kept of a prediction is that prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from shelfwise.core.types import Matrix, Prediction
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.kept_predictions import prediction_from, prediction_state

SCORES = np.array([[0.5, 0, 0.25], [0, 0, 0]], np.float32)


@pytest.mark.parametrize("probabilities", [SCORES, sp.csr_array(SCORES)])
def test_a_prediction_comes_back_from_disk(probabilities: Matrix, tmp_path: Path) -> None:
    given = Prediction(probabilities, np.ones((2, 4), np.float32), np.array([True, False]))
    for _ in range(2):
        # the second time it is read
        checkpoints = Checkpoints(tmp_path / "run", resume=True)
        again = prediction_from(checkpoints.run("answers", lambda: prediction_state(given)))
        assert sp.issparse(again.probabilities) == sp.issparse(probabilities)
        assert (again.probabilities != probabilities).sum() == 0
        assert np.array_equal(again.features, given.features)
        assert np.array_equal(again.present, given.present)
