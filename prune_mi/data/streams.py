"""Data that come some at a time: tf.data, PyDataset, generators; read through once.

No library is imported here: what is given tells by its methods what it is.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prune_mi.data.fit_to_model import ModelInput, fitting_shape
from prune_mi.data.scratch import Growing, Room
from prune_mi.data.user_code import told_of
from prune_mi.errors import DataError

MOST_SAMPLES = 20_000_000
LONGEST_SECONDS = 2 * 3600.0
_INFINITE = -1  # tf.data.INFINITE_CARDINALITY
_AT_ONCE = 256  # single samples put together
_FEWEST_VALUES, _FEWEST_SAMPLES, _TRACKED, _TIMES = 64, 1000, 4096, 4
_BOUND = (
    "expected a source that ends: for tf.data `.take(n)` and no `.repeat()`; for a generator a "
    "loop that ends, or itertools.islice(generator, steps); for a PyDataset a `__len__`"
)
_EXPECTED = (
    "expected (x, y) or (x, y, sample_weight), for one sample or for a batch, or x alone where "
    "there are no labels"
)


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """What a source gives at a time: samples by the name of their input, labels, weights."""

    x: dict[str, np.ndarray]
    y: np.ndarray | None
    weights: np.ndarray | None


def is_stream(value: Any) -> bool:
    """Whether something gives its data some at a time: a dataset, a PyDataset or an iterable."""
    if isinstance(value, str | bytes | Mapping | list | tuple) or hasattr(value, "__array__"):
        return False
    return hasattr(value, "__iter__") or hasattr(value, "__getitem__")


def read_stream(
    stream: Any, split: str, *, where: str, inputs: Sequence[ModelInput], room: Room
) -> dict[str, np.ndarray]:
    """Reads a source to its end.

    Args:
        stream: A `tf.data.Dataset`, batched or not, a `keras.utils.PyDataset`, or an iterable of
            samples or of batches.
        split: In the names of the arrays: `train`, `test` or `val`.
        where: How messages name it: `the train data of mypipe:data`.
        inputs: The model's; none where there is no model yet.
        room: Where arrays larger than memory lie.

    Returns:
        Arrays named as in an `.npz`: `x_train`, or `x_train_NAME` of several inputs, `y_train`
        and `sample_weight_train`.

    Raises:
        DataError: If it raises, yields nothing or what is no sample, yields samples of several
            shapes, never ends, or is larger than there is room for.
    """
    grown: dict[str, Growing] = {}
    try:
        _read_into(grown, stream, split, where, inputs, room)
        return {name: array.finished() for name, array in grown.items()}
    finally:
        for array in grown.values():
            array.close()


def _read_into(
    grown: dict[str, Growing],
    stream: Any,
    split: str,
    where: str,
    inputs: Sequence[ModelInput],
    room: Room,
) -> None:
    for item in _batches(stream, where, inputs):
        named = {f"x_{split}{f'_{name}' if name else ''}": each for name, each in item.x.items()}
        if item.y is not None:
            named[f"y_{split}"] = item.y
        if item.weights is not None:
            named[f"sample_weight_{split}"] = item.weights
        if grown and named.keys() != grown.keys():
            raise DataError(
                f"{where} gives {', '.join(named)} after {', '.join(grown)}; {_EXPECTED}, always "
                "alike"
            )
        for name, rows in named.items():
            array = grown.setdefault(name, Growing(room))
            _append(array, rows, name, where)
    if not grown:
        raise DataError(f"{where} yields nothing; expected at least one sample")


def _append(array: Growing, rows: np.ndarray, name: str, where: str) -> None:
    if len(array) and rows.shape[1:] != array.shape:
        raise DataError(
            f"{where} gives samples of several shapes: {name} has {rows.shape[1:]} from sample "
            f"{len(array)} on, {array.shape} before; expected one shape: resize or pad them"
        )
    try:
        array.append(rows)
    except TypeError as error:
        raise DataError(
            f"{where} gives values of several types: {name} has {error} from sample {len(array)} "
            "on; expected one type: convert them"
        ) from error


def _batches(stream: Any, where: str, inputs: Sequence[ModelInput]) -> Iterator[_Item]:
    """What a source gives, batch by batch; single samples are put together."""
    ends = _Ends(where)
    waiting: list[_Item] = []
    is_batch: bool | None = None
    for element in _elements(stream, where):
        item = _item(element, where, inputs)
        if is_batch is None:
            is_batch = _is_batch(item, inputs)
        if not is_batch:
            waiting.append(item)
            if len(waiting) < _AT_ONCE:
                continue
        batch = item if is_batch else _together(waiting, where)
        waiting = []
        ends.require(_checked(batch, where))
        yield batch
    if waiting:
        yield _checked(_together(waiting, where), where)


def _elements(stream: Any, where: str) -> Iterator[Any]:
    """What a source yields, with what it raises told as the user's."""
    count = 0
    try:
        for element in _iterated(stream, where):
            yield element
            count += 1
    except (DataError, GeneratorExit):
        raise
    except Exception as error:  # the user's code may raise anything
        raise DataError(
            f"{where} raised {told_of(error)}; samples or batches before that: {count}"
        ) from error


def _iterated(stream: Any, where: str) -> Iterator[Any]:
    if hasattr(stream, "as_numpy_iterator") and hasattr(stream, "cardinality"):
        if int(stream.cardinality()) == _INFINITE:
            raise DataError(f"{where} repeats for ever; {_BOUND}")
        yield from stream.as_numpy_iterator()
        return
    if hasattr(stream, "num_batches"):  # of a PyDataset, which is None where it never ends
        if stream.num_batches is None:
            raise DataError(f"{where} never ends: its `num_batches` is None; {_BOUND}")
        yield from (stream[index] for index in range(int(stream.num_batches)))
    elif hasattr(stream, "__iter__"):
        yield from stream
    else:
        yield from (stream[index] for index in range(len(stream)))


def _item(element: Any, where: str, inputs: Sequence[ModelInput]) -> _Item:
    parts = tuple(element) if isinstance(element, tuple | list) else (element,)
    if isinstance(element, Mapping) and len(inputs) <= 1:
        parts = _of_mapping(element)
    if not 1 <= len(parts) <= 3:
        raise DataError(f"{where} gives {len(parts)} things at a time; {_EXPECTED}")
    x, y, weights = (*parts, None, None)[:3]
    try:  # copies: some sources fill one array again and again
        return _Item(
            {name: np.array(each) for name, each in by_input(x, inputs, where=where).items()},
            None if y is None else np.array(y),
            None if weights is None else np.array(weights),
        )
    except ValueError as error:  # rows of several lengths
        raise DataError(f"{where} gives what is no array: {error}; {_EXPECTED}") from error


def _of_mapping(element: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of a dict with an image and a label, as TensorFlow Datasets gives it, both."""
    names = (("x", "image", "features"), ("y", "label", "labels"), ("sample_weight",))
    found = [next((each for each in some if each in element), None) for some in names]
    if found[0] is None:
        return (element,)
    return tuple(None if name is None else element[name] for name in found)


def by_input(x: Any, inputs: Sequence[ModelInput], *, where: str) -> dict[str, Any]:
    """Samples by the name of the input that they are for; the name is empty where there is one.

    Raises:
        DataError: If there are others than the model has inputs.
    """
    several = isinstance(x, Mapping) or (isinstance(x, tuple | list) and len(inputs) > 1)
    if len(inputs) <= 1:
        if not isinstance(x, Mapping):
            return {"": x}
        if len(x) == 1:
            return {"": next(iter(x.values()))}
        raise DataError(f"{where} gives several inputs ({', '.join(map(str, x))}); expected one")
    names = [each.name for each in inputs]
    if isinstance(x, Mapping) and set(x) == set(names):
        return {name: x[name] for name in names}
    if several and not isinstance(x, Mapping) and len(x) == len(names):
        return dict(zip(names, x, strict=True))
    told = ", ".join(map(str, x)) if isinstance(x, Mapping) else "one" if not several else len(x)
    raise DataError(
        f"{where} gives {told} where the model has the inputs {', '.join(names)}; expected a dict "
        "of these names, or a tuple in this order"
    )


def _is_batch(item: _Item, inputs: Sequence[ModelInput]) -> bool:
    """Whether what a source gives first is a batch, and not one sample."""
    name, x = next(iter(item.x.items()))
    if item.y is not None and not item.y.ndim:
        return False
    shape = next((each.shape for each in inputs if name in ("", each.name)), None)
    if shape is not None:
        fits_one = fitting_shape(x.shape, shape) is not None
        fits_many = bool(x.ndim) and fitting_shape(x.shape[1:], shape) is not None
        if fits_one != fits_many:
            return fits_many
    if item.y is not None:
        return bool(x.ndim) and len(item.y) == len(x)
    return x.ndim in (2, 4)


def _together(items: Sequence[_Item], where: str) -> _Item:
    try:
        return _Item(
            {name: np.stack([each.x[name] for each in items]) for name in items[0].x},
            None if items[0].y is None else np.stack([each.y for each in items]),  # type: ignore[misc]
            None if items[0].weights is None else np.stack([each.weights for each in items]),  # type: ignore[misc]
        )
    except (ValueError, KeyError, TypeError) as error:
        shapes = sorted({str(next(iter(each.x.values())).shape) for each in items})
        raise DataError(
            f"{where} gives samples of several shapes or kinds ({', '.join(shapes[:4])}); expected "
            "one: resize or pad them"
        ) from error


def _checked(batch: _Item, where: str) -> _Item:
    lengths = {name: len(each) if each.ndim else 0 for name, each in batch.x.items()}
    for name, each in (("labels", batch.y), ("sample weights", batch.weights)):
        if each is not None:
            lengths[name] = len(each) if each.ndim else 0
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} {name or 'samples'}" for name, count in lengths.items())
        raise DataError(f"{where} gives {told} in one batch; expected as many of each")
    return batch


class _Ends:
    """Notices that a source never ends: by its size, its time, or because it begins again."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._began = time.monotonic()
        self._samples = 0
        self._seen: dict[bytes, int] = {}

    def require(self, batch: _Item) -> None:
        """Hears of some more samples.

        Raises:
            DataError: If these are too many.
        """
        x = next(iter(batch.x.values()))
        if x.ndim and len(x) and x[0].size >= _FEWEST_VALUES:
            for place, sample in enumerate(x):
                label = b"" if batch.y is None else batch.y[place].tobytes()
                digest = hashlib.blake2b(sample.tobytes() + label, digest_size=16).digest()
                if digest in self._seen or len(self._seen) < _TRACKED:
                    self._seen[digest] = self._seen.get(digest, 0) + 1
        self._samples += len(x) if x.ndim else 0
        seconds = time.monotonic() - self._began
        fault = ""
        if self._samples > MOST_SAMPLES:
            fault = f"has given {MOST_SAMPLES:,} samples and goes on"
        elif seconds > LONGEST_SECONDS:
            fault = f"has given samples for {LONGEST_SECONDS / 3600:g} hours and goes on"
        elif self._repeats():
            fault = f"seems never to end: each of its first samples came {_TIMES} times"
        if fault:
            raise DataError(f"{self._where} {fault} ({self._samples:,} samples); {_BOUND}")

    def _repeats(self) -> bool:
        """Whether every sample that is kept in mind has come again and again."""
        return (
            self._samples >= _FEWEST_SAMPLES
            and bool(self._seen)
            and min(self._seen.values()) >= _TIMES
        )
