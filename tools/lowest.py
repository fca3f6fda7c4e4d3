"""The lowest versions that pyproject.toml declares, as constraints for pip: python tools/lowest.py > FILE"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from advisories import declared

for name, version in sorted(declared().items()):
    print(f"{name}=={version}")
