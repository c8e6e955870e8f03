"""Image files that a user names, one by one or by their folder."""

from collections.abc import Sequence
from pathlib import Path

from prune_mi.data.image_files import SUFFIXES, find_images
from prune_mi.errors import DataError


def list_image_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files that are meant, in the order given, each once; they may turn out to be broken.

    Args:
        paths: Of images, or of folders: of these all images in them, at any depth, by name,
            hidden ones aside.

    Raises:
        DataError: If there is no such file or folder, a file's name is no image's, or a folder has
            no images.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_in_folder(path)))
        elif not path.exists():
            raise DataError(
                f"there is no such image: {path}; expected a file or a folder of images"
            )
        elif path.suffix.lower() not in SUFFIXES:
            raise DataError(
                f"{path} is not an image of a known type; expected {', '.join(SUFFIXES)}: "
                "convert it"
            )
        else:
            found[path] = None
    return tuple(found)


def _in_folder(folder: Path) -> list[Path]:
    images = find_images(folder)
    if not images:
        raise DataError(f"{folder} has no images in it; expected {', '.join(SUFFIXES)} files")
    return images
