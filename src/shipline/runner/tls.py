"""Which certificates a coordinator is spoken to with: those that its entry names, else those beside the config."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shipline.errors import UsageError
from shipline.runner.config.sections import RunnerSection


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: authorities to trust besides the system's, and a certificate of our own. Empty: none."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def or_beside(self, config: Path, url: str) -> Tls:
        """Where nothing is named, gitlab-runner's places: certs/HOST.crt, HOST.auth.crt and HOST.auth.key
        beside the config file."""
        host = urlsplit(url).hostname or ""
        folder = config.parent / "certs"

        def found(name: str) -> str:
            path = folder / name
            return str(path) if path.is_file() else ""

        ca_file = self.ca_file or found(f"{host}.crt")
        if self.cert_file or self.key_file:
            return Tls(ca_file, self.cert_file, self.key_file)
        return Tls(ca_file, found(f"{host}.auth.crt"), found(f"{host}.auth.key"))


# The system's authorities, and no certificate of ours.
NO_TLS = Tls()


def tls_of(section: RunnerSection, config: Path) -> Tls:
    """`config` is the config file's path: certificates may lie beside it."""
    named = Tls(section.tls_ca_file, section.tls_cert_file, section.tls_key_file)
    return named.or_beside(config, section.url)


def tls_context(url: str, tls: Tls) -> ssl.SSLContext:
    """Raises UsageError for files that cannot be read."""
    if not url.startswith("https://"):
        # Reading the authorities takes longer than most calls.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    file = tls.ca_file
    try:
        if tls.ca_file:
            context.load_verify_locations(cafile=tls.ca_file)
        if tls.cert_file:
            file = tls.cert_file
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{file} cannot be used for TLS with {url}: {error}.") from error
    return context
