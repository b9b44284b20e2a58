"""Whether a host is who it says: whose certificates are trusted, and what is said of one that is not."""

from __future__ import annotations

import os
import ssl

import httpx

from shelfwise.errors import ConfigError

FILE_VARIABLE = "SSL_CERT_FILE"
"""Names a file of certificates in PEM. Many programs follow it, so no name of our own is needed."""

# OpenSSL's numbers for a certificate that is signed by nobody who is known here
_SIGNED_BY_NOBODY_KNOWN = frozenset((2, 18, 19, 20, 21))


def checking_context() -> ssl.SSLContext:
    """Trusts the authorities that certifi lists, or in their place those of ``SSL_CERT_FILE``.

    Raises:
        ConfigError: there is no such file, or no certificate in it.
    """
    file = os.environ.get(FILE_VARIABLE)
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        # without the variable it is the list of certifi that cannot be read
        if not file:
            raise
        missing = isinstance(error, FileNotFoundError)
        found = "there is no such file" if missing else "no certificate can be read from it"
        fix = "expected certificates in PEM; correct it, or unset it to trust the usual authorities"
        raise ConfigError(f"{FILE_VARIABLE} is {file!r}: {found}; {fix}") from None


def distrust(error: BaseException) -> str | None:
    """Why the connection to a host is not secure, in words; None where an error has another cause."""
    cause: BaseException | None = error
    # libraries wrap what OpenSSL says, some of them twice
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return f"no secure connection to the host can be made ({cause.reason or cause})"
    reason = f"the host's certificate is not trusted ({cause.verify_message.rstrip('.')})"
    if cause.verify_code in _SIGNED_BY_NOBODY_KNOWN:
        fix = f"if it is yours, name its authority's file: {FILE_VARIABLE}=FILE.pem"
        return f"{reason}; {fix}"
    return reason
