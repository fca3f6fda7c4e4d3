"""Fetches the one library that the studio's page is built of, pinned: python tools/studio_assets.py (needs npm).

htm 3.1.1 holds Preact with its hooks and htm in one file of 13 KB; NOTICE names its licences. A test checks that
the file in the wheel is this one.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, MEMBER = "htm@3.1.1", "package/preact/standalone.module.js"
SHA256 = "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7"
TARGET = Path(__file__).parents[1] / "src/psdl/studio/page/vendor/preact-htm.js"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as packed:
            member = packed.extractfile(MEMBER)
            data = member.read() if member else b""
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        sys.exit(f"{PACKAGE} holds a {MEMBER} of SHA-256 {found}, but {SHA256} was expected: nothing was written")
    TARGET.write_bytes(data)
    print(f"wrote {TARGET} ({len(data)} bytes)")


if __name__ == "__main__":
    main()
