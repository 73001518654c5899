"""TLS as we make it: whom we trust, and who we are; verification can't be switched off."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NoReturn

from netcancel.errors import ConfigurationError


def make_context(
    ca_file: str | None, client_certificate: str | None, client_key: str | None
) -> ssl.SSLContext:
    """Return the client's side of TLS; `ca_file` None: the system's anchors.

    Raises ConfigurationError for a file that can't be used.
    """
    context = _bare_context()
    if ca_file is None:
        _load_system_anchors(context)
    else:
        _load_anchors(context, ca_file)
    if client_certificate is not None:
        _load_client(context, client_certificate, client_key)
    return context


def check_files(
    ca_file: str | None, client_certificate: str | None, client_key: str | None
) -> None:
    """Raise ConfigurationError where one of the files that are given can't be used."""
    if ca_file is not None:
        _load_anchors(_bare_context(), ca_file)
    if client_certificate is not None:
        _load_client(_bare_context(), client_certificate, client_key)


def _bare_context() -> ssl.SSLContext:
    # Not ssl.create_default_context: that one writes session keys to the file that SSLKEYLOGFILE
    # names. The verification of certificate and host name is this one's default.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load_anchors(context: ssl.SSLContext, ca_file: str) -> None:
    _check_readable(ca_file, "The CA file")
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ValueError):
        raise ConfigurationError(
            f"The CA file {ca_file!r} is no PEM bundle of certificates: check its content"
        ) from None


def _load_client(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    _check_readable(certificate, "The client certificate")
    if key is not None:
        _check_readable(key, "The client key")
    try:
        # Without a password of ours OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except (OSError, ValueError):
        raise ConfigurationError(
            f"The client certificate {certificate!r} and its key {key or certificate!r} can't be "
            "used: give a PEM certificate and the PEM private key that belongs to it"
        ) from None


def _refuse_password() -> NoReturn:
    raise ConfigurationError(
        "The client key is encrypted: give an unencrypted PEM file that only this user can read"
    )


def _check_readable(path: str, what: str) -> None:
    try:
        with Path(path).open("rb"):
            return
    except ValueError:
        reason = "it is no path"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise ConfigurationError(f"{what} {path!r} can't be read: {reason}")


def _load_system_anchors(context: ssl.SSLContext) -> None:
    # The places that OpenSSL was built with, never those that SSL_CERT_FILE or SSL_CERT_DIR name:
    # whoever sets a variable could put another gateway in place of the real one.
    places = ssl.get_default_verify_paths()
    bundle, folder = Path(places.openssl_cafile), Path(places.openssl_capath)
    has_folder = folder.is_dir() and any(folder.iterdir())
    if not bundle.is_file() and not has_folder:
        raise ConfigurationError(
            f"This system has no trusted certificates where its OpenSSL looks for them ({bundle}, "
            f"{folder}): install them (the package ca-certificates) or give a PEM bundle as ca_file"
        )
    if bundle.is_file():
        _load_anchors(context, str(bundle))
    if has_folder:
        context.load_verify_locations(capath=str(folder))
