"""What a run on data larger than memory takes: `python tests/benchmarks/memory.py --gib 6`.

Makes images of ten kinds on the disk, trains a small network on some of them, runs `optimize` on
all, and prints the peaks of the memory of all its processes together, from Linux's
/proc/PID/smaps_rollup. What is resident counts pages of files that nothing else needs; what is
anonymous or dirty cannot be given back. Further options are those of `optimize`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

_SIDE, _CLASSES = 32, 10
_FIELDS = {"resident": ("Rss",), "proportional": ("Pss",), "anonymous": ("Anonymous",)}
_DIRTY = ("Private_Dirty", "Shared_Dirty")


def images_of(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A bright bar for each, at the place that its class says, in noise."""
    images = rng.integers(0, 128, (len(labels), _SIDE, _SIDE, 3), dtype=np.uint8)
    for label in range(_CLASSES):
        images[labels == label, 3 * label : 3 * label + 3, :, label % 3] += 90
    return images


def write_npz(path: Path, num_train: int, num_test: int) -> None:
    """Writes the arrays piece by piece, uncompressed."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w", allowZip64=True) as file:
        for split, count in (("train", num_train), ("test", num_test)):
            labels = rng.integers(0, _CLASSES, count)
            for name, dtype, shape in (
                (f"x_{split}", np.uint8, (count, _SIDE, _SIDE, 3)),
                (f"y_{split}", np.int64, (count,)),
            ):
                header = {
                    "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
                    "fortran_order": False,
                    "shape": shape,
                }
                with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, header)
                    for start in range(0, count, 10_000):
                        part = labels[start : start + 10_000]
                        member.write((images_of(part, rng) if name[0] == "x" else part).tobytes())


def write_model(path: Path) -> None:
    """A small residual network that knows these images."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, _CLASSES, 4000)
    inputs = keras.Input((_SIDE, _SIDE, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(inputs)
    for _ in range(3):
        y = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
        y = keras.layers.BatchNormalization()(y)
        x = keras.layers.add([x, keras.layers.ReLU()(y)])
    x = keras.layers.Flatten()(keras.layers.MaxPooling2D(2)(x))
    model = keras.Model(inputs, keras.layers.Dense(_CLASSES, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images_of(labels, rng) / 255, labels, epochs=4, batch_size=32, verbose=2)
    model.save(path)


def write_function(path: Path, npz: Path) -> str:
    """A module whose function gives the same as a generator, and what names it."""
    path.write_text(
        textwrap.dedent(f"""
        from prune_mi.data.npz_file import load_npz
        from pathlib import Path

        def batches(x, y):
            for start in range(0, len(x), 1000):
                yield x[start:start + 1000], y[start:start + 1000]

        def data():
            found = load_npz(Path({str(npz)!r}))
            return batches(found.x_train, found.y_train), batches(found.x_test, found.y_test)
        """)
    )
    return f"{path}:data"


def tree(root: int) -> list[int]:
    """A process and all that it has begun."""
    parents = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                text = (each / "stat").read_text()
            except OSError:
                continue
            parents[int(each.name)] = int(text.rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def measured(pid: int) -> dict[str, int]:
    """Bytes of one process; none where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    found = {name: sum(sizes[field] for field in fields) for name, fields in _FIELDS.items()}
    dirty = sum(sizes[field] for field in _DIRTY)
    return {**found, "anonymous or dirty": max(found["anonymous"], dirty)}


def main() -> None:
    """Prints a table of peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=6.0)
    parser.add_argument("--budget", default="3m", help="empty: none")
    parser.add_argument("--form", choices=("npz", "function"), default="npz")
    parser.add_argument("--folder", type=Path, default=None, help="keeps the data between runs")
    asked, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        folder = asked.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        npz, model = folder / f"images_{asked.gib:g}.npz", folder / "model.keras"
        if not npz.exists():
            count = round(asked.gib * 2**30 / (_SIDE * _SIDE * 3))
            write_npz(npz, count - 10_000, 10_000)
        if not model.exists():
            write_model(model)
        data = str(npz) if asked.form == "npz" else write_function(folder / "given.py", npz)
        out = Path(scratch) / "run"
        command = [sys.executable, "-m", "prune_mi", "optimize", str(model), "--data", data]
        command += ["--out", str(out), "--max-accuracy-drop", "0.02", *options]
        command += ["--budget", asked.budget] if asked.budget else []
        process = subprocess.Popen(command, env={**os.environ, "TMPDIR": scratch})
        peaks: dict[str, int] = {}
        at_peak = ""
        began = time.monotonic()
        while process.poll() is None:
            totals: dict[str, int] = {}
            each_resident = []
            for pid in tree(process.pid):
                found = measured(pid)
                each_resident.append(f"{found.get('resident', 0) / 2**30:.2f}")
                for name, size in found.items():
                    totals[name] = totals.get(name, 0) + size
            if totals.get("resident", 0) > peaks.get("resident", 0):
                at_peak = f"{time.monotonic() - began:.0f} s, processes {' '.join(each_resident)}"
            peaks |= {name: max(size, peaks.get(name, 0)) for name, size in totals.items()}
            time.sleep(0.25)
        print(f"exit code {process.returncode}; data {npz.stat().st_size / 2**30:.2f} GiB")
        print(f"most were resident after {at_peak} GiB")
        for name, size in peaks.items():
            print(f"{name:20s} {size / 2**30:6.2f} GiB at most, of all processes together")


if __name__ == "__main__":
    main()
