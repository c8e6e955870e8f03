"""Weights of candidates in a run folder, each file under the digest of what it holds."""

import base64
import os
import re
import weakref
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from prune_mi.errors import RunFolderError
from prune_mi.graph.digest import arrays_digest, weights_digest
from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph

_OWN = re.compile(r"[0-9a-f]{32}\.(npz|new)")


class Weights:
    """Weights by content; what is no longer wanted is dropped.

    Args:
        folder: Where they lie; made when the first are put there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gone: weakref.WeakSet[LayerGraph] = weakref.WeakSet()

    def put(self, graph: LayerGraph) -> str:
        """Writes a graph's weights, whole or not at all, and returns their digest.

        Raises:
            RunFolderError: If they cannot be written.
        """
        digest = weights_digest(graph)
        path = self._path(digest)
        if path.exists():
            return digest
        fresh = path.with_suffix(".new")
        try:
            self._folder.mkdir(exist_ok=True)
            with fresh.open("wb") as file:
                np.savez(file, *(w for each in graph.layers.values() for w in each.weights))
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
        except OSError as error:
            raise RunFolderError(
                f"cannot write {path}: {error.strerror or error}; expected a run folder with room "
                "for it. The run can be resumed"
            ) from error
        return digest

    def get(self, digest: str, graph: LayerGraph) -> LayerGraph:
        """A graph of the same structure with the weights of a digest.

        Where these were dropped it has stand-ins; see `require`.

        Raises:
            RunFolderError: If the file is damaged.
        """
        path = self._path(digest)
        if not path.exists():
            found = with_weights(graph, _stand_ins(graph))
            self._gone.add(found)
            return found
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = [file[f"arr_{place}"] for place in range(len(file.files))]
        except Exception as error:  # a torn archive may show itself in any way
            raise RunFolderError(f"{path} is damaged: {error}; {_AGAIN}") from error
        if arrays_digest(arrays) != digest:
            raise RunFolderError(f"{path} is damaged: it holds other weights; {_AGAIN}")
        left = iter(arrays)
        weights = {
            # NumPy knows no bfloat16, and reads back its bytes.
            name: tuple(np.asarray(next(left)).view(each.dtype) for each in layer.weights)
            for name, layer in graph.layers.items()
            if layer.weights
        }
        return with_weights(graph, weights)

    def require(self, graph: LayerGraph, name: str) -> None:
        """Refuses a graph whose weights were dropped.

        Raises:
            RunFolderError: If it is one.
        """
        if graph in self._gone:
            raise RunFolderError(f"the weights of {name} are missing in {self._folder}; {_AGAIN}")

    def keep(self, digests: Collection[str]) -> None:
        """Drops all others."""
        for path in self._folder.glob("*"):
            if _OWN.fullmatch(path.name) and path.stem not in digests:
                path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.npz"


_AGAIN = "start the run again with --overwrite"


def bits_text(scores: np.ndarray) -> str:
    """A bool array as text: its length, and its bits in base64."""
    packed = base64.b64encode(np.packbits(scores).tobytes()).decode("ascii")
    return f"{len(scores)}:{packed}"


def bits_of(text: str) -> np.ndarray:
    """The bool array of `bits_text`."""
    length, _, packed = text.partition(":")
    bits = np.unpackbits(np.frombuffer(base64.b64decode(packed), dtype=np.uint8))
    return bits[: int(length)].astype(bool)


def _stand_ins(graph: LayerGraph) -> Mapping[str, tuple[np.ndarray, ...]]:
    """Arrays of the same shapes that take no room, no two of them the same object."""
    return {
        name: tuple(np.broadcast_to(np.zeros((), w.dtype), w.shape) for w in layer.weights)
        for name, layer in graph.layers.items()
        if layer.weights
    }
