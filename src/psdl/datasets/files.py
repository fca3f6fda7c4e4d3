"""Which files are images, by their names; and all pictures below a folder, read or left out with the reason."""

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
)
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
)  # pictures, of kinds that are not read
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
)  # surely no pictures
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
)
BOXES = (b"avif", b"heic", b"heix", b"mif1")  # kinds of files that begin with a box `ftyp`
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
)
RESULTS = frozenset({"pictures", "heat", "maps", "masks", "models"})  # folders that results hold

Kind = Literal["mask", "system", "results", "hidden", "unread", "link", "other"]


class Left(NamedTuple):
    """A picture that is there and not taken for an image: its name, why, and what kind of reason it is."""

    name: str
    why: str
    kind: Kind


class Pictures(NamedTuple):
    """All pictures below a folder, by their names from there: those that can be read, sorted, and the others."""

    images: tuple[str, ...]
    left: tuple[Left, ...]


def is_image(path: Path) -> bool:
    """By extension in any case; hidden files are none."""
    return path.suffix[1:].lower() in EXTENSIONS and not path.name.startswith(".")


def images(folder: Path) -> list[Path]:
    """The files of a folder that are images by their names, sorted."""
    return sorted(path for path in folder.iterdir() if is_image(path)) if folder.is_dir() else []


def pictures(root: Path) -> Pictures:
    """All pictures below `root`. Links that lead nowhere are among them, for a later step to name.

    Folders of systems and of psdl's own results are looked through to name what they hold. Links to folders are
    followed where they lead to a folder that is not read already. Raises PsdlError on a folder that cannot be
    opened.
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
    """Adds what lies in a folder and below; returns the names of links to folders. before: of the names."""
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
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise PsdlError(
            f"the folder {folder} cannot be opened ({error.strerror}): allow it or remove it"
        ) from None


def _why_not(folder: Path, above: Path) -> tuple[str, Kind] | None:
    """Why what lies in a folder is not looked at, if it is not."""
    if folder.name.lower() in SYSTEM or folder.name.lower().startswith(".trash"):
        return f"{folder.name} is a folder of the system", "system"
    if marker.is_results(folder) or (marker.is_results(above) and folder.name.lower() in RESULTS):
        return "psdl's own results", "results"
    return (f"{folder.name} is a hidden folder", "hidden") if folder.name.startswith(".") else None


def _below(folder: Path) -> Iterator[str]:
    """The names of all pictures below a folder that is not looked at; links are not followed."""
    for inside, _, names in os.walk(folder):
        for name in names:
            path = Path(inside) / name
            ending = path.suffix[1:].lower()
            if ending in EXTENSIONS | UNREAD or (ending not in OTHERS and _is_picture(path)):
                yield path.relative_to(folder).as_posix()


def _sort(path: Path, name: str, found: list[str], left: list[Left]) -> None:
    """Adds a file to the images or to what is left out, if it is a picture."""
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
    """Why a file that is no image by its name is not read, if it is a picture all the same; else None."""
    ending = path.suffix[1:].lower()
    if ending in UNREAD:
        return f"a picture of a kind that is not read (.{ending}): save it as PNG"
    if ending not in OTHERS and _is_picture(path):
        return f"a picture by its content, but named {path.name}: name it .png or .jpg"
    return None


def _is_picture(path: Path) -> bool:
    """Whether a file begins like a picture."""
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
