"""Describes a model's card in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psdl.model import known


def described(card: Mapping[str, Any]) -> dict[str, str]:
    """Returns the card in words, as {heading: text}.

    `card` are the card's plain values. If they also have the keys `digest` and `signed` of the file, these are
    described too.
    """
    recipe, network, calibration = card["recipe"], card["network"], card["calibration"]
    rates, dropped = calibration["rates"], len(card["dropped"])
    grids = {name: f"{grid['h']} x {grid['w']} positions" for name, grid in card["grids"].items()}
    parts = [
        f"{part['name']} ({part['method']}, {', '.join(part['taps'])}, {grids[part['name']]},"
        f" {', '.join(f'{k} {v}' for k, v in sorted(part['params'].items()))}, weight {part['weight']:.2f}"
        + (f", statistics drawn to their mean by {part['shrink']:.0%})" if part["unseen"] else ")")
        for part in recipe["parts"]
    ]
    return {
        "format": str(card["format"]),
        "categories": ", ".join(card["categories"]),
        "recipe": f"{recipe['name']}, image score {recipe['image_score']}, smoothing {recipe['smoothing']} px",
        "seed": str(recipe["seed"]),
        "parts": "; ".join(parts),
        "input": "; ".join(f"{k} {v}" for k, v in (recipe["input"] or {}).items() if v is not None),
        "region of interest": f"{card['region']:.1%} of the input" if card["region"] else "all of the input",
        "light": f"brought to {recipe['light']:.0f} of 255" if recipe["light"] else "as it is",
        "backbone": f"{network['name']} ({network['licence'] or 'licence not stated'})",
        "graph SHA-256": ", ".join([network["graph_sha256"], *network["cuts"].values()]),
        "weights SHA-256": network["weights_sha256"],
        "threshold": f"{calibration['threshold']:.6g} at a false-reject rate of {rates['alarm']:.2%}"
        + (f", with {rates['confidence']:.0%} confidence" if rates["confidence"] else ""),
        "review": f"a rate of {rates['review']:.2%}" if rates["review"] else "no such verdict",
        "calibration": f"{len(calibration['images'])} images; {calibration['origin']}",
        "learned from": f"{len(card['learned'])} images" + (f", {dropped} left out" if dropped else ""),
        "known defects": known.described(card),
        "history": "; ".join(map(_entry, card["history"])),
        "learned with": ", ".join(f"{k} {v}" for k, v in sorted(card["versions"].items())),
        **(
            {"digest": f"BLAKE3 {card['digest']}, {'' if card['signed'] else 'not '}signed"}
            if "digest" in card
            else {}
        ),
    }


def _entry(entry: Mapping[str, Any]) -> str:
    """Returns one line about an entry of the history: what was done, by whom and when."""
    who = " ".join(word for word in (entry.get("on", ""), f"by {entry['by']}" if entry.get("by") else "") if word)
    images = f" from {entry['images']} images" if "images" in entry else ""
    return f"{entry['what']}{images}{f' ({who})' if who else ''}, threshold {entry['threshold']:.6g}"
