"""Signatures of model files: Ed25519 over the file's digest, by the library cryptography (the extra [sign]).

If the environment variable PSDL_TRUSTED_KEY names a file with a public key, every model that is opened, by
whatever interface, must be signed with the corresponding private key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from psdl._util import plugins
from psdl.errors import PsdlError

TRUSTED = "PSDL_TRUSTED_KEY"


def made(digest: bytes, key: str | Path) -> bytes:
    """Returns the signature (64 bytes) of a digest.

    `key` is a PEM file with an Ed25519 private key without a password. Raises PsdlError if it is not, or if
    cryptography is not installed.
    """
    plugins.extra("sign", "cryptography")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _content(key)
    found = _loaded(lambda: load_pem_private_key(content, password=None), key, "private", Ed25519PrivateKey)
    return bytes(found.sign(digest))


def check(signed: bytes | None, digest: bytes, path: Path, key: str | Path) -> None:
    """Raises PsdlError unless `signed` is the signature of the digest.

    `key` is a PEM file with the Ed25519 public key. `signed` None means that the file has no signature. `path` is
    the path of the model for the message.
    """
    plugins.extra("sign", "cryptography")
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _content(key)
    found = _loaded(lambda: load_pem_public_key(content), key, "public", Ed25519PublicKey)
    if signed is None:
        raise PsdlError(f"{path} is not signed, but the key {key} is trusted: sign it with `psdl sign`")
    try:
        found.verify(signed, digest)
    except InvalidSignature:
        raise PsdlError(
            f"{path} is signed by another key than the trusted {key}, or was changed since: get it again from its"
            " maker"
        ) from None


def check_trusted(signed: bytes | None, digest: bytes, path: Path) -> None:
    """Checks the signature like `check` with the key that the environment trusts; does nothing if it trusts
    none."""
    if os.environ.get(TRUSTED):
        check(signed, digest, path, os.environ[TRUSTED])


def _content(key: str | Path) -> bytes:
    """Returns the bytes of a key file; raises PsdlError if it cannot be read."""
    try:
        return Path(key).read_bytes()
    except OSError as error:
        raise PsdlError(f"the key file {key} cannot be read ({error.strerror}): give a PEM file") from None


def _loaded(load: Any, key: str | Path, kind: str, wanted: type) -> Any:
    """Returns the key that `load` returns; raises PsdlError if it fails or is not of the type `wanted`."""
    try:
        found = load()
    except (ValueError, TypeError) as error:
        raise PsdlError(
            f"{key} holds no {kind} key that can be read ({' '.join(str(error).split())[:60]}): give a PEM file"
            " without a password"
        ) from None
    if not isinstance(found, wanted):
        raise PsdlError(f"{key} holds no Ed25519 key: make one with `openssl genpkey -algorithm ed25519`")
    return found
