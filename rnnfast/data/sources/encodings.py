"""How to write a text anew as UTF-8, the one encoding that tables are read in: a command to copy."""

from __future__ import annotations

import shlex
from pathlib import PurePath

USUAL = "cp1252"  # of Windows in Western Europe and America; of bytes below 0x80 and above 0x9f Latin-1 says the same


def usual_encoding(text: bytes) -> str:
    """Return the encoding of text that is no UTF-8, as far as its bytes tell: `USUAL`, "" where they are none in it."""
    try:
        text.decode(USUAL)
    except UnicodeDecodeError:
        return ""
    return USUAL


def to_utf8(name: str, encoding: str, plain: bool) -> str:
    """Say how to save a table as UTF-8.

    name: of the file; encoding: that it seems to be in, "" where nobody knows. plain: whether the file holds the text
    as it is, so that a program can read it: neither packed nor a pipe.
    """
    if not plain:
        return f"save the table as UTF-8, as `iconv -f {encoding or 'ENCODING'} -t utf-8` in a pipe does"
    path = PurePath(name)
    names = shlex.quote(name), shlex.quote(str(path.with_name(f"{path.stem}-utf8{path.suffix}")))
    command = f"iconv -f {encoding or 'ENCODING'} -t utf-8 {names[0]} > {names[1]}"
    if not encoding:
        return f"save the table as UTF-8: {command}, with the encoding that it was written in"
    return f"save the table as UTF-8: {command}"
