"""MLFLOW_TRACKING_URI without its password: what may be shown, and where the password goes instead.

An address with a password would stand in Dagster's database (as a resource's configuration), on the assets' pages and
in MLflow's errors. So every part of the program knows the address without it; MLflow reads name and password from
variables of its own.
"""

from collections.abc import MutableMapping
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

VARIABLE = "MLFLOW_TRACKING_URI"
HOW = "write http://user:password@host:port, with special characters percent-encoded (@ as %40, / as %2F)"


def address(uri: str) -> str:
    """The URI without user and password, the only form that is shown or kept.

    Raises:
        ValueError: a password cannot be told from the rest, or stands where it would be kept: in the address of a
            database. The sentence does not repeat the URI.
    """
    parts = _parts(uri)
    if parts.scheme not in ("http", "https"):
        if "@" in parts.netloc or "password=" in parts.query:
            raise ValueError(
                f"{VARIABLE} names a database with a password, which would be kept in Dagster's records: start an "
                f"MLflow server on that database and name the server."
            )
        return uri
    if "@" in f"{parts.path}{parts.query}{parts.fragment}" or not _has_host(parts):
        raise ValueError(f"{VARIABLE} is no address of a server: {HOW}.")
    if "@" in parts.netloc and not parts.password:
        raise ValueError(f"{VARIABLE} has a user without a password: {HOW}, or set MLFLOW_TRACKING_TOKEN.")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def lend_credentials(environment: MutableMapping[str, str]) -> None:
    """Hand the user and the password of MLFLOW_TRACKING_URI, where it has them, to MLflow's own variables."""
    parts = _parts(environment.get(VARIABLE, ""))
    if parts.scheme in ("http", "https") and parts.password:
        environment["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username or "")
        environment["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password)


def _parts(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError:
        raise ValueError(f"{VARIABLE} is no address: {HOW}.") from None


def _has_host(parts: SplitResult) -> bool:
    try:
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
