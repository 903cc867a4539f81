"""A fuzz target for the loader: any input is a tree or a YamlError, never another exception.

pip install atheris; python -m tests.compiler.fuzz_loader -max_len=4096 -max_total_time=600
"""

from __future__ import annotations

import sys

from shipline.compiler.documents import load_documents
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node, YamlError


def load_anything(text: str | bytes) -> Node | YamlError:
    try:
        found = load_documents("ci.yml", text, Limits())
    except YamlError as error:
        return error
    found.body.plain()
    return found.body


def main() -> None:
    import atheris

    def one_input(data: bytes) -> None:
        load_anything(data)
        load_anything(data.decode("utf-8", errors="surrogateescape"))

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
