"""Whatever is used before it is fitted says so in one sentence."""

import pytest

from shelfwise.core.fitted import require_fitted
from shelfwise.errors import NotFittedError


def test_the_owner_is_named_with_the_fix() -> None:
    with pytest.raises(
        NotFittedError, match=r"the network of 'title' is not fitted; call fit or restore first"
    ):
        require_fitted(None, "the network of 'title'")


@pytest.mark.parametrize("part", [0, "", [], {}])
def test_only_none_counts_as_not_fitted(part: object) -> None:
    assert require_fitted(part, "it") is part
