"""Whether the declared versions are free of known advisories: python tools/advisories.py

pip-audit knows more, and is asked first where it is installed and its data can be had. Else the list below speaks:
what was published of packages that psdl asks for, and the first version that has it mended, kept by hand.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
MENDED = {  # package: (first version without it, what it is, what it would touch)
    "aiohttp": [("3.13.3", "CVE-2025-69223 and others", "answers of web servers that unpack to gigabytes")],
    "cryptography": [
        ("44.0.1", "CVE-2024-12797", "TLS by raw keys, which psdl does not use"),
        ("46.0.5", "CVE-2026-26007", "elliptic curves other than the one of signatures"),
    ],
    "distributed": [("2026.1.0", "CVE-2026-23528", "the dashboard")],
    "h11": [("0.16.0", "CVE-2025-43859", "chunked bodies, in httpx's answers")],
    "jinja2": [
        ("3.1.6", "CVE-2025-27516, CVE-2024-56326", "templates of strangers, which the report has none of")
    ],
    "onnx": [
        ("1.16.2", "CVE-2024-5187", "archives of models"),
        ("1.18.0", "CVE-2025-51480", "files that external data names"),
    ],
    "onnxruntime": [("1.20.0", "external data outside of a model's folder", "model files of strangers")],
    "opencv-python-headless": [("4.8.1.78", "CVE-2023-4863", "WebP files, which psdl reads by Pillow")],
    "pillow": [
        ("10.3.0", "CVE-2024-28219", "colour profiles"),
        ("11.3.0", "CVE-2025-48379", "DDS files, which psdl does not open"),
        ("12.1.1", "CVE-2026-25990", "PSD files, which psdl does not open"),
    ],
    "protobuf": [("6.31.1", "CVE-2025-4565", "deeply nested messages, in ONNX files")],
    "python-multipart": [
        ("0.0.18", "CVE-2024-53981", "forms"),
        ("0.0.22", "CVE-2026-24486", "names of files in forms that are kept on the disk"),
    ],
    "starlette": [
        ("0.40.0", "CVE-2024-47874", "forms with large fields"),
        ("0.47.2", "CVE-2025-54121", "forms with large files"),
        ("0.49.1", "CVE-2025-62727", "the Range header of files, which psdl serves none of"),
    ],
    "torch": [("2.6.0", "CVE-2025-32434", "weights that are loaded")],
    "tornado": [("6.5.3", "CVE-2025-47287, CVE-2025-67724 and others", "the scheduler's pages")],
}


def declared() -> dict[str, Version]:
    """The lowest version of each package that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    optional = (line for name, lines in extras.items() if name != "dev" for line in lines)
    found: dict[str, Version] = {}
    for requirement in map(Requirement, [*project["dependencies"], *optional]):
        for part in requirement.specifier:
            if part.operator == ">=":
                name = requirement.name.lower()
                found[name] = max(found.get(name, Version("0")), Version(part.version))
    return found


def problems() -> list[str]:
    """Packages whose lowest declared version has an advisory, or that no lowest version is declared of."""
    lowest, found = declared(), []
    for name, known in MENDED.items():
        for version, what, where in known:
            if name not in lowest or lowest[name] < Version(version):
                found.append(f"{name} {lowest.get(name, 'of any version')}: {what} ({where}), mended in {version}")
    return found


def main() -> int:
    if find_spec("pip_audit"):
        command = [sys.executable, "-m", "pip_audit", "--skip-editable"]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout or done.stderr)
        if done.returncode and "vulnerabilit" in done.stderr:
            return 1
    for line in problems():
        print(line)
    return 1 if problems() else 0


if __name__ == "__main__":
    raise SystemExit(main())
