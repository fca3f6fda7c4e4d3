"""Finds all pictures below a folder: those that can be read as images, and those left out, each with the
reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from psdl._util import marker
from psdl.errors import PsdlError

EXTENSIONS = frozenset(
    {
        "png",
        "jpg",
        "jpeg",
        "jpe",
        "jif",
        "jfif",
        "mpo",
        "bmp",
        "tif",
        "tiff",
        "webp",
        "gif",
        "ppm",
        "pgm",
        "pbm",
        "pnm",
    }
)  # extensions of images
UNREAD = frozenset(
    {
        "heic",
        "heif",
        "hif",
        "jxl",
        "jxr",
        "wdp",
        "hdp",
        "dng",
        "cr2",
        "cr3",
        "nef",
        "nrw",
        "arw",
        "orf",
        "rw2",
        "raf",
    }
    | {"pef", "srw", "x3f", "raw", "psd", "psb", "svg", "svgz", "ico", "icns", "cur", "eps", "dcm", "dicom", "exr"}
    | {"hdr", "pic", "pfm", "fit", "fits", "pcx", "xbm", "xpm", "sgi", "ras", "dds", "apng", "avifs", "qoi", "btf"}
    | {"tf8", "svs", "czi", "nd2", "lif", "jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "avif", "tga", "dib"}
)  # extensions of pictures that are not read
OTHERS = frozenset(
    {
        "txt",
        "csv",
        "tsv",
        "json",
        "jsonl",
        "manifest",
        "xml",
        "yaml",
        "yml",
        "toml",
        "ini",
        "md",
        "rst",
        "html",
        "htm",
    }
    | {
        "js",
        "css",
        "py",
        "ipynb",
        "log",
        "pdf",
        "doc",
        "docx",
        "xls",
        "xlsx",
        "zip",
        "gz",
        "tar",
        "7z",
        "rar",
        "db",
    }
    | {
        "npy",
        "npz",
        "pkl",
        "pt",
        "pth",
        "onnx",
        "psdl",
        "safetensors",
        "h5",
        "mat",
        "mp4",
        "avi",
        "mov",
        "mkv",
        "sh",
    }
)  # extensions of files that are no pictures
MAGIC = (
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"GIF8",
    b"\0\0\0\x0cjP  ",
    b"P4\n",
    b"P5\n",
    b"P6\n",
)  # first bytes of picture files
BOXES = (b"avif", b"heic", b"heix", b"mif1")  # brands, in the box `ftyp`, of ISO media files that are pictures
SYSTEM = frozenset(
    {".ipynb_checkpoints", "@eadir", "__macosx", "$recycle.bin", "recycler", "#recycle", "@recycle", "lost+found"}
    | {
        ".git",
        ".svn",
        ".hg",
        ".dvc",
        ".appledouble",
        ".appledb",
        ".trashes",
        ".trash",
        ".spotlight-v100",
        ".fseventsd",
    }
    | {
        ".temporaryitems",
        ".documentrevisions-v100",
        "network trash folder",
        "temporary items",
        "@tmp",
        "#snapshot",
    }
    | {".snapshot", ".snapshots", "system volume information", "thumbs", ".thumbs", "thumbnails", ".thumbnails"}
    | {
        ".picasaoriginals",
        ".sync",
        ".stversions",
        ".stfolder",
        ".dropbox.cache",
        "__pycache__",
        "node_modules",
        ".cache",
    }
)  # folders of systems and programs, in small letters
RESULTS = frozenset({"pictures", "heat", "maps", "masks", "models"})  # folders inside psdl's results

Kind = Literal["mask", "system", "results", "hidden", "unread", "link", "other"]


class Left(NamedTuple):
    """A picture that is there and is not taken for an image: its name, the reason in words, and the kind of
    reason."""

    name: str
    why: str
    kind: Kind


class Pictures(NamedTuple):
    """All pictures below a folder, by their paths from there: `images` that can be read, sorted, and `left`, the
    others."""

    images: tuple[str, ...]
    left: tuple[Left, ...]


def is_image(path: Path) -> bool:
    """Returns whether a file has the extension of an image, in any case; hidden files are no images."""
    return path.suffix[1:].lower() in EXTENSIONS and not path.name.startswith(".")


def images(folder: Path) -> list[Path]:
    """Returns the images directly in a folder, sorted by path; none if there is no such folder."""
    return sorted(path for path in folder.iterdir() if is_image(path)) if folder.is_dir() else []


def pictures(root: Path) -> Pictures:
    """Returns all pictures below `root`. Files are not opened if their names say what they are, so that a link to
    a missing image is among the images and a later step reports it.

    Pictures in folders of the system, in hidden folders and in psdl's own results are left out. Links to folders
    are followed unless that folder is read already. Raises PsdlError if a folder cannot be opened.
    """
    found: list[str] = []
    left: list[Left] = []
    seen = {os.path.realpath(root)}
    later = _walk(root, "", found, left, seen)
    while later:
        name = later.pop(0)
        real = os.path.realpath(root / name)
        if real in seen or any(one.startswith(real.rstrip(os.sep) + os.sep) for one in seen):
            left.append(Left(name, "a link to a folder that is read already", "link"))
            continue
        seen.add(real)
        later += _walk(root / name, f"{name}/", found, left, seen)
    return Pictures(tuple(sorted(found)), tuple(sorted(left)))


def _walk(folder: Path, before: str, found: list[str], left: list[Left], seen: set[str]) -> list[str]:
    """Adds the pictures in a folder and below it to `found` or `left`, and its folders to `seen`. Returns the
    names of the links to folders. `before` is the path that names begin with."""
    links = []
    for entry in _entries(folder):
        name = before + entry.name
        if not os.path.isdir(entry.path):
            _sort(Path(entry.path), name, found, left)
        elif entry.is_symlink():
            links.append(name)
        elif why := _why_not(Path(entry.path), folder):
            left += [Left(f"{name}/{inner}", *why) for inner in _below(Path(entry.path))]
        elif (real := os.path.realpath(entry.path)) not in seen:
            seen.add(real)
            links += _walk(Path(entry.path), f"{name}/", found, left, seen)
    return links


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Returns what a folder holds, by name. Raises PsdlError if it cannot be opened."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise PsdlError(
            f"the folder {folder} cannot be opened ({error.strerror}): allow it or remove it"
        ) from None


def _why_not(folder: Path, above: Path) -> tuple[str, Kind] | None:
    """Returns why all pictures of a folder in the folder `above` are left out, with the kind of reason; None if
    not."""
    if folder.name.lower() in SYSTEM or folder.name.lower().startswith(".trash"):
        return f"{folder.name} is a folder of the system", "system"
    if marker.is_results(folder) or (marker.is_results(above) and folder.name.lower() in RESULTS):
        return "psdl's own results", "results"
    return (f"{folder.name} is a hidden folder", "hidden") if folder.name.startswith(".") else None


def _below(folder: Path) -> Iterator[str]:
    """Yields the names of all pictures below a folder that is left out. Links are not followed."""
    for inside, _, names in os.walk(folder):
        for name in names:
            path = Path(inside) / name
            ending = path.suffix[1:].lower()
            if ending in EXTENSIONS | UNREAD or (ending not in OTHERS and _is_picture(path)):
                yield path.relative_to(folder).as_posix()


def _sort(path: Path, name: str, found: list[str], left: list[Left]) -> None:
    """Adds a file to the images `found` or to the pictures `left` out; other files are ignored."""
    ending = path.suffix[1:].lower()
    if path.name.startswith("._"):
        if ending in EXTENSIONS | UNREAD:
            left.append(Left(name, "a file of the system beside a picture", "system"))
    elif path.name.startswith("."):
        if ending in EXTENSIONS | UNREAD:
            left.append(Left(name, "a hidden file", "hidden"))
    elif ending in EXTENSIONS:
        found.append(name)
    elif why := why_unread(path):
        left.append(Left(name, why, "unread"))


def why_unread(path: Path) -> str | None:
    """Returns why a file that is no image by its name is not read, if it is a picture; None if it is none."""
    ending = path.suffix[1:].lower()
    if ending in UNREAD:
        return f"a picture of a kind that is not read (.{ending}): save it as PNG"
    if ending not in OTHERS and _is_picture(path):
        return f"a picture by its content, but named {path.name}: name it .png or .jpg"
    return None


def _is_picture(path: Path) -> bool:
    """Returns whether a file begins with the bytes of a picture; false if it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return False
    boxed = start[4:8] == b"ftyp" and start[8:12] in BOXES
    webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    return boxed or webp or start.startswith(MAGIC)
