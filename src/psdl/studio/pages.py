"""The files of the pages, and the HTML document of each."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from fastapi.responses import HTMLResponse

PAGE = Path(str(files("psdl.studio") / "page"))
TITLES = {"app": "psdl studio", "serve": "psdl: judge an image", "docs": "psdl: what can be asked"}


def document(script: str, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """Returns the page that a script of TITLES draws."""
    text = Template((PAGE / "page.html").read_text(encoding="utf-8"))
    content = text.substitute(script=script, title=TITLES[script])
    return HTMLResponse(content, headers=dict(headers or {}))
