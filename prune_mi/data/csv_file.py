"""A CSV file that names image files, with their labels or numbers."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.data.decoded import ShapeChoice, decode_splits, hold_out_tests
from prune_mi.data.image_files import SUFFIXES
from prune_mi.data.labels import FormChoice, LabelForm, as_classes, labels_of_splits, sample_weights
from prune_mi.data.scratch import rows_of
from prune_mi.data.splits import SPLIT_WORDS
from prune_mi.data.strata import strata
from prune_mi.errors import DataError, counted, listed

CSV_SUFFIXES = (".csv", ".tsv")

_FILE_COLUMNS = (
    *("file", "filename", "file_name", "filepath", "file_path", "path"),
    *("image", "image_file", "image_path", "image_name", "img", "img_path"),
)
_SPLIT, _WEIGHT = "split", "sample_weight"
_DELIMITERS = ",;\t"
_NAMED = 5
_EXPECTED = (
    "expected a header such as `file,label`, then one image a line: its file, and its class, its "
    "numbers, or 0 or 1 for each label; columns `split` (train, val, test) and `sample_weight` may "
    "be there"
)


@dataclass(frozen=True, slots=True)
class _Table:
    """The cells of a CSV file.

    Attributes:
        path: The file.
        columns: Names, in their order.
        cells: Of each row, stripped.
        lines: Where each row stands in the file, counted from 1.
    """

    path: Path
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> list[str]:
        """Its cells.

        Raises:
            DataError: If one is empty.
        """
        place = self.columns.index(name)
        found = [row[place] for row in self.cells]
        if "" in found:
            raise DataError(
                f"line {self.lines[found.index('')]} of {self.path} has nothing in the column "
                f"{name!r}; expected a value in every line: add it, or remove the line"
            )
        return found

    def numbers(self, name: str) -> np.ndarray | None:
        """Its cells as numbers `(N,)`, int64 where all are whole; None where one is none."""
        cells = self.column(name)
        try:
            return np.array([int(cell) for cell in cells], dtype=np.int64)
        except (ValueError, OverflowError):
            pass
        try:
            return np.array([float(cell) for cell in cells], dtype=np.float64)
        except ValueError:
            return None


def load_csv(
    path: Path, *, choose_shape: ShapeChoice, choose_form: FormChoice = as_classes
) -> Dataset:
    """Loads the images that a CSV file names, with their labels.

    A column named `file`, `image`, `path` or the like holds files, relative to the CSV file's
    folder; else the first column of image files does. `split` says train, val or test; without it
    a fifth is for testing. `sample_weight` says how much each sample counts. All other columns are
    labels: names of classes, whole numbers of classes, numbers to predict, or 0 and 1.

    Args:
        path: Of the file: UTF-8, with commas, semicolons or tabs.
        choose_shape: Says which shape all images are converted to.
        choose_form: Says what the labels are.

    Raises:
        DataError: If the file is no such table, a row lacks a cell or is there twice, image files
            are missing or broken, or labels are of another form.
    """
    table = _read(path)
    file_column = _file_column(table)
    files = _files(table, file_column)
    splits = _splits(table)
    labels = _labels(table, file_column)
    weights = _weights(table)
    decoded = decode_splits(
        {split: [files[row] for row in rows] for split, rows in splits.items()},
        folder=path.parent.resolve(),
        choose_shape=choose_shape,
        what="a list of images",
    )
    rows = {split: each[decoded.readable[split]] for split, each in splits.items()}
    x, notes = dict(decoded.images), decoded.notes
    form = _form(table, labels, rows, choose_form)
    y, told = labels_of_splits(
        {split: labels.stored[each] for split, each in rows.items()}, form, source=str(path)
    )
    if "all" in rows:
        groups, where = strata(y["all"], form), f"{path} has no column {_SPLIT!r}"
        rest, held_out, note = hold_out_tests(groups, where=where, alike=_ALIKE[form])
        x, y, rows = (
            {"train": rows_of(each["all"], rest), "test": rows_of(each["all"], held_out)}
            for each in (x, y, rows)
        )
        notes += (note,)
    return Dataset(
        x_train=x["train"],
        y_train=y["train"],
        x_test=x["test"],
        y_test=y["test"],
        x_val=x.get("val"),
        y_val=y.get("val"),
        class_names=labels.names_for(form),
        source=str(path),
        notes=(*notes, *told),
        split_here="all" in splits,
        order_known=form != "classes",
        full_value=decoded.full_value,
        form=form,
        w_train=None if weights is None else weights[rows["train"]],
    )


_ALIKE: dict[LabelForm, str] = {
    "classes": ", the same share of each class",
    "flags": ", alike in their labels",
    "numbers": ", alike in their numbers",
    "none": "",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """The columns of labels.

    Attributes:
        stored: `(N,)` or `(N, columns)`, numbers; of names their places, sorted; zeros where there
            is no column.
        columns: Their names.
        classes: The names of classes, where the cells are names.
    """

    stored: np.ndarray
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def names_for(self, form: LabelForm) -> tuple[str, ...]:
        """What the classes, flags or numbers are called; nothing where they have numbers alone."""
        if form == "none":
            return ()
        is_one_hot = form == "classes" and len(self.columns) > 1
        return self.columns if is_one_hot or form in ("flags", "numbers") else self.classes


def _read(path: Path) -> _Table:
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.lstrip().partition("\n")[0]
        delimiter = max(_DELIMITERS, key=first.count)
        reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
        numbered = [
            (reader.line_num, tuple(cell.strip() for cell in row)) for row in reader if any(row)
        ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path} as CSV: {error}; {_EXPECTED}") from error
    if len(numbered) < 2:
        held = "a header alone" if numbered else "nothing"
        raise DataError(f"{path} holds {held}; {_EXPECTED}")
    columns = numbered[0][1]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or "" in columns:
        fault = f"the column {twice[0]!r} twice" if twice else "a column without a name"
        raise DataError(f"the header of {path} has {fault}; {_EXPECTED}")
    for line, row in numbered[1:]:
        if len(row) != len(columns):
            raise DataError(
                f"line {line} of {path} has {counted(len(row), 'cell')}, the header "
                f"{len(columns)} ({listed(columns, _NAMED)}); expected as many: put names with a "
                "comma in quotes"
            )
    lines, cells = zip(*numbered[1:], strict=True)
    return _Table(path, columns, cells, lines)


def _file_column(table: _Table) -> str:
    named = [name for name in table.columns if name.lower() in _FILE_COLUMNS]
    if named:
        return named[0]
    for place, name in enumerate(table.columns):
        if Path(name).suffix.lower() in SUFFIXES:
            raise DataError(
                f"the first line of {table.path} names the file {name!r}, as if there were no "
                f"header; {_EXPECTED}"
            )
        if Path(table.cells[0][place]).suffix.lower() in SUFFIXES:
            return name
    raise DataError(
        f"{table.path} has no column of image files (it has {listed(table.columns, _NAMED)}); "
        f"{_EXPECTED}. Data that are not images go into an .npz"
    )


def _files(table: _Table, column: str) -> list[Path]:
    """The image files, all there and each once."""
    folder = table.path.parent.resolve()
    cells = table.column(column)
    files = [folder / os.path.expanduser(cell) for cell in cells]
    missing = [cell for cell, file in zip(cells, files, strict=True) if not file.is_file()]
    if missing:
        raise DataError(
            f"{counted(len(missing), 'file')} of the {len(files)} that {table.path} names "
            f"{'is' if len(missing) == 1 else 'are'} not there: {listed(missing, _NAMED)}; "
            f"expected paths from {folder}"
        )
    seen: dict[Path, int] = {}
    for file, line in zip(files, table.lines, strict=True):
        before = seen.setdefault(file.resolve(), line)
        if before != line:
            raise DataError(
                f"{table.path} names {file.name} in line {before} and in line {line}; expected "
                "each file once: remove one line"
            )
    return files


def _splits(table: _Table) -> dict[str, np.ndarray]:
    """The rows of each split; `all` where the table says no split."""
    if _SPLIT not in table.columns:
        return {"all": np.arange(len(table.cells))}
    found = [SPLIT_WORDS.get(cell.lower()) for cell in table.column(_SPLIT)]
    if None in found:
        row = found.index(None)
        raise DataError(
            f"line {table.lines[row]} of {table.path} has the split "
            f"{table.column(_SPLIT)[row]!r}; expected train, val or test"
        )
    missing = [split for split in ("train", "test") if split not in found]
    if missing:
        raise DataError(
            f"{table.path} has no {' and no '.join(missing)} in its column {_SPLIT!r}; expected "
            "train and test, and perhaps val: add some, or remove the column to have it split"
        )
    names = np.array(found)
    return {
        split: np.flatnonzero(names == split)
        for split in ("train", "test", "val")
        if split in found
    }


def _labels(table: _Table, file_column: str) -> _Labels:
    names = tuple(name for name in table.columns if name not in (file_column, _SPLIT, _WEIGHT))
    if not names:
        return _Labels(np.zeros(len(table.cells), dtype=np.int64), ())
    columns = {name: table.numbers(name) for name in names}
    if len(names) == 1 and columns[names[0]] is None:
        classes, places = np.unique(table.column(names[0]), return_inverse=True)
        return _Labels(places.astype(np.int64), names, tuple(map(str, classes)))
    numbers = []
    for name, column in columns.items():
        if column is None:
            cells = table.column(name)
            row = next(row for row, cell in enumerate(cells) if not _is_number(cell))
            raise DataError(
                f"line {table.lines[row]} of {table.path} has {cells[row]!r} in the column "
                f"{name!r}; expected numbers, as there are {len(names)} columns of labels "
                f"({listed(names, _NAMED)}): leave one, or remove those that are no labels"
            )
        numbers.append(column)
    return _Labels(numbers[0] if len(numbers) == 1 else np.stack(numbers, axis=1), names)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _form(
    table: _Table, labels: _Labels, rows: dict[str, np.ndarray], choose_form: FormChoice
) -> LabelForm:
    if not labels.columns:
        form = choose_form(None)
        if form != "none":
            raise DataError(f"{table.path} has no column of labels; {_EXPECTED}")
        return form
    form = choose_form(labels.stored[rows.get("train", rows.get("all"))])
    if form == "masks":
        raise DataError(
            f"{table.path} has labels for whole images; expected a mask for each: pass a folder "
            "that has images/ and masks/"
        )
    if labels.classes and form not in ("classes", "none"):
        cell = table.column(labels.columns[0])[0]
        raise DataError(
            f"the column {labels.columns[0]!r} of {table.path} holds names, the first {cell!r}; "
            f"expected {'numbers' if form == 'numbers' else '0 or 1 in a column for each label'}"
        )
    return form


def _weights(table: _Table) -> np.ndarray | None:
    if _WEIGHT not in table.columns:
        return None
    weights = table.numbers(_WEIGHT)
    where = f"the column {_WEIGHT!r} of {table.path}"
    if weights is None:
        raise DataError(f"{where} holds what is no number; expected one for each image")
    return sample_weights(weights, where=where)
