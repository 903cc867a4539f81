"""An engine of our own leaves nothing mounted."""

from __future__ import annotations

from pathlib import Path

from shipline.host.engine import mounts_below

MOUNTINFO = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
90 22 0:4 net:[1] /home/a/.cache/ship\\040line/engine/exec/netns/default rw - nsfs nsfs rw
91 22 0:50 / /home/a/.cache/ship\\040line/engine/data/overlay2/x/merged rw - overlay overlay rw
92 22 0:51 / /home/a/.cache/ship\\040line-other/engine rw - tmpfs tmpfs rw
"""


def test_what_is_mounted_in_its_folder_is_found_innermost_first() -> None:
    folder = Path("/home/a/.cache/ship line/engine")
    assert mounts_below(folder, MOUNTINFO) == [
        f"{folder}/data/overlay2/x/merged",
        f"{folder}/exec/netns/default",
    ]


def test_a_folder_that_only_begins_with_the_same_letters_is_not_its_own() -> None:
    assert mounts_below(Path("/home/a/.cache/ship"), MOUNTINFO) == []
