"""Values of variables, by the precedence that they have in one place, and expanded where the server does it. Pure."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping

from shipline.model.expansion import expand
from shipline.model.variable import Variable


class Seen(ChainMap[str, str]):
    """Of several layers the first wins. `layers` are the variables behind them, as far as their values may
    refer to others."""

    def __init__(self, *maps: MutableMapping[str, str], layers: Iterable[Iterable[Variable]] = ()) -> None:
        super().__init__(*maps)
        self.layers = layers

    def expanded(self, name: str, path: tuple[str, ...] = ()) -> str | None:
        """The value with its references replaced, and theirs. Unknown ones stay, and so do circles."""
        value = self.get(name)
        if value is None or ("$" not in value and "%" not in value):
            return value
        if name in path or self._is_raw(name):
            return value
        return expand(value, lambda other: self.expanded(other, (*path, name)), keep_unknown=True)

    def _is_raw(self, name: str) -> bool:
        for layer in self.layers:
            for variable in layer:
                if variable.key == name:
                    return variable.raw
        return True


def nested(values: Mapping[str, str]) -> Callable[[str], str | None]:
    """For what the server expands itself: values with their own references replaced."""
    return values.expanded if isinstance(values, Seen) else values.get
