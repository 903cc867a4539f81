"""Which image is built before which."""

from __future__ import annotations

import re
from importlib import resources
from itertools import combinations

import pytest

from shipline.errors import HostError
from shipline.host.images import BASE, HELPER, REGISTRY, STAND_INS, TOOLKIT, in_order
from shipline.protocols.image_reference import parse_image_reference

STAND_INS_FOLDER = resources.files("shipline.host") / "stand_ins"


def test_the_base_comes_first() -> None:
    assert in_order([BASE]) == [[BASE]]
    assert in_order([REGISTRY, BASE]) == [[BASE], [REGISTRY]]
    assert in_order([REGISTRY]) == [[BASE], [REGISTRY]]


def test_what_an_image_is_built_on_comes_before_it() -> None:
    assert in_order([TOOLKIT]) == [[BASE], ["python:3.11-slim"], [TOOLKIT]]
    assert in_order([TOOLKIT, HELPER]) == [[BASE], sorted(["python:3.11-slim", HELPER]), [TOOLKIT]]


@pytest.mark.parametrize("count", range(1, len(STAND_INS) + 1))
def test_each_batch_needs_only_those_before_it(count: int) -> None:
    for names in combinations(STAND_INS, count):
        batches = in_order(names)
        made: set[str] = set()
        for batch in batches:
            assert all(name == BASE or STAND_INS[name].on in made for name in batch)
            made |= set(batch)
        assert made >= set(names)
        assert len(made) == sum(map(len, batches)), "an image is in two batches"


def test_the_order_of_asking_makes_no_difference() -> None:
    names = list(STAND_INS)
    assert in_order(names) == in_order(reversed(names)) == in_order(names * 2)


def test_an_image_that_nobody_knows_is_named() -> None:
    with pytest.raises(HostError, match="knows no image 'mysql:8'"):
        in_order(["postgres:15", "mysql:8"])


@pytest.mark.parametrize("name", STAND_INS)
def test_an_image_is_built_on_what_its_dockerfile_says(name: str) -> None:
    stand_in = STAND_INS[name]
    text = (STAND_INS_FOLDER / stand_in.folder / "Dockerfile").read_text()
    assert re.findall(r"^FROM +(\S+)", text, re.M)[-1] == stand_in.on


@pytest.mark.parametrize("name", STAND_INS)
def test_an_images_folder_holds_files_only(name: str) -> None:
    # The label that tells whether it must be built anew is made of the files right in the folder.
    folder = STAND_INS_FOLDER / STAND_INS[name].folder
    assert all(entry.is_file() or entry.name == "__pycache__" for entry in folder.iterdir())


@pytest.mark.parametrize("name", STAND_INS)
def test_an_images_name_is_one_and_has_its_version(name: str) -> None:
    reference = parse_image_reference(name)
    assert reference.tag or name == TOOLKIT
