"""Which of the engine's images may be used; getting them is tested with a real engine."""

from __future__ import annotations

import pytest

from shipline.runner.executor.images import fits


@pytest.mark.parametrize(
    ("there", "wanted", "good"),
    [
        ("linux/amd64", "", True),
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64", "arm64", True),
        ("linux/amd64", "linux/arm64", False),
        ("linux/amd64", "windows/amd64", False),
    ],
)
def test_an_image_for_another_platform_is_not_the_one_that_is_asked_for(
    there: str, wanted: str, good: bool
) -> None:
    assert fits(there, wanted) is good
