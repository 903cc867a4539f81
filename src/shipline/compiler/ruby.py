"""Values as Ruby prints them: `to_s` where a value becomes part of a text, `inspect` in messages. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from shipline.compiler.scalars import Symbol

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", "\x07": "\\a",
            "\x08": "\\b", "\x0b": "\\v", "\x0c": "\\f"}  # fmt: skip
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]|#(?=[{$@])')
_PLAIN_SYMBOL = re.compile(r"[A-Za-z_]\w*[?!=]?", re.ASCII)


def to_s(value: Any) -> str:
    """A plain value (of `Node.plain`) as text: null is empty, an array is written as Ruby writes one."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, Symbol):
        return value.name
    return inspect(value)


def inspect(value: Any) -> str:
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{_ESCAPED.sub(_escape, value)}"'
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Symbol):
        return _symbol(value.name)
    if isinstance(value, list | tuple):
        return f"[{', '.join(inspect(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{_symbol(str(key))}=>{inspect(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    return str(value)


def to_json(value: Any) -> str:
    """As Ruby's `to_json`: no blanks, and every character as it is but `<`, `>` and `&`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _symbol(name: str) -> str:
    return f":{name}" if _PLAIN_SYMBOL.fullmatch(name) else f":{inspect(name)}"


def _escape(match: re.Match[str]) -> str:
    sign = match[0]
    if sign == "#":
        return "\\#"
    return _ESCAPES.get(sign) or f"\\x{ord(sign):02X}"


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if 1e-4 <= abs(value) < 1e16 or value == 0:
        return text if not e else f"{value:.1f}"
    if not e:
        mantissa, _, exponent = f"{value:e}".partition("e")
        mantissa = repr(float(mantissa))
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{exponent[0] if exponent[0] == '-' else '+'}{int(exponent.lstrip('+-')):02d}"
