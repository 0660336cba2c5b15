"""Compiled kernels on disk, a file for each function and signature.

A file is a digest and what it is the digest of: the name of the kernel and, as Numba pickles it, its machine code.
Unpickling runs code, so nothing is unpickled but what this user alone can have written (caching.py), whole and under
its own name. Whatever is wrong with a file, it is dropped and the kernel compiled anew; whatever is wrong with the
directory, kernels are compiled and not kept.
"""

import hashlib
import inspect
import pickle
import secrets
from pathlib import Path

from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from rnnfast.caching import read_own, remove, tell
from rnnfast.kernels.lanes.place import ENDING

DIGEST_BYTES = 32


class KernelFiles(_Cache):
    """The kernels of one function, as its dispatcher asks for them. directory: None keeps none."""

    def __init__(self, function, directory):
        self._directory = directory
        source = Path(inspect.getfile(function))
        self._name = f"{source.stem}.{function.__qualname__}".replace("<", "").replace(">", "")
        # The directory carries a digest of the package; functions of tests and of users stand elsewhere.
        code = source.read_bytes() if source.is_file() else function.__code__.co_code
        self._stamp = hashlib.sha256(code).hexdigest(), function.__code__.co_firstlineno

    @property
    def cache_path(self):
        """The directory, as text."""
        return str(self._directory)

    def has(self, signature, context):
        """Whether there is a file of the kernel."""
        return self._directory is not None and self._path(self._key(signature, context.codegen())).exists()

    def load_overload(self, signature, context):
        """The kernel, or None where it has to be compiled."""
        if self._directory is None:
            return None
        key = self._key(signature, context.codegen())
        path = self._path(key)
        try:
            content = read_own(path)
            if content[:DIGEST_BYTES] != _digest(key, content[DIGEST_BYTES:]):
                raise ValueError(f"{path}: damaged")
            compiled = CompileResult._rebuild(context, *pickle.loads(content[DIGEST_BYTES:]))
        except FileNotFoundError:
            return None
        except Exception:  # pickles raise anything
            remove(path)
            tell(f"{self._directory}: damaged or foreign kernels were dropped, and are compiled anew")
            return None
        return compiled if tuple(compiled.signature.args) == tuple(signature) else None

    def save_overload(self, signature, compiled):
        """Keep a kernel, as far as possible."""
        if self._directory is None or compiled.library.has_dynamic_globals:
            return
        key = self._key(signature, compiled.codegen)
        content = dumps(compiled._reduce())
        path = self._path(key)
        aside = path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            aside.write_bytes(_digest(key, content) + content)
            aside.replace(path)
        except OSError as error:
            remove(aside)
            tell(f"{self._directory}: compiled kernels cannot be kept ({error.strerror or error})")

    def enable(self):
        """Nothing: it always is."""

    def disable(self):
        """Keep and load nothing from now on."""
        self._directory = None

    def flush(self):
        """Nothing: `rnnfast cache clear` removes kernels."""

    def _key(self, signature, codegen):
        """All that decides the code, as text: function, types, processor."""
        return repr((self._name, self._stamp, signature, codegen.magic_tuple()))

    def _path(self, key):
        return self._directory / f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}{ENDING}"


def _digest(key, content):
    return hashlib.blake2b(key.encode() + content, digest_size=DIGEST_BYTES).digest()
