"""The key that signs ID tokens: made once, for its owner's eyes only."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shipline.coordinator.secret_files import write_secret
from shipline.protocols.id_token import KEY_BITS


def ensure_key(path: Path) -> None:
    """Whoever trusts tokens trusts this key: another one would be another issuer."""
    if path.exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(path, content.decode().rstrip("\n"))


@lru_cache(maxsize=4)
def read_key(path: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{path} is not the key that shipline made.")
    return key
