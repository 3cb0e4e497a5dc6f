"""Whose account asks Earth Engine: a key file, application-default credentials, a stored token.

In: the settings and the files that `gcloud` and `earthengine authenticate` leave behind. Out:
credentials of google-auth that fetch and renew their tokens themselves. Nobody is ever prompted,
and no word of a key or a token gets into a message.
"""

import os
import warnings
from pathlib import Path
from typing import Any

import google.auth
import google.oauth2.credentials
from ee import oauth
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from gee.errors import CredentialsError

KEY_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"


def find_credentials(key_file: Path | None) -> Any:
    """Return the first credentials that there are.

    Parameters
    ----------
    key_file : the key of a service account; where one is named, nothing else is tried

    Returns
    -------
    google.auth.credentials.Credentials
        of the key file; else application-default ones from the file that
        GOOGLE_APPLICATION_CREDENTIALS names or `gcloud auth application-default login` wrote;
        else the token that `earthengine authenticate` stored; else those of the machine of
        Google's cloud that this runs on.

    Raises
    ------
    CredentialsError
        where there are none, or a file of them cannot be read.
    """
    if key_file is not None:
        return _of_key_file(key_file)
    if os.environ.get(KEY_VARIABLE) or _gcloud_file().is_file():
        return _application_default()
    stored = _stored_token()
    if stored is not None:
        return stored
    # Last, since asking whether this is a machine of Google's takes seconds where it isn't.
    return _application_default()


def _of_key_file(path: Path) -> Any:
    where = f"earthengine.service_account_key = '{path}'"
    if not path.is_file():
        raise CredentialsError(f"{where}: there is no such file; name the JSON key of the account")
    try:
        return service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
            str(path), scopes=list(oauth.SCOPES)
        )
    except (OSError, ValueError, GoogleAuthError):
        pass  # their words may repeat what stands in the file
    raise CredentialsError(
        f"{where} is not the readable JSON key of a service account; make a new one in the "
        "project's console"
    )


def _application_default() -> Any:
    try:
        with warnings.catch_warnings():
            # It warns of a missing quota project; the study's project is sent with each request.
            warnings.simplefilter("ignore")
            found, _ = google.auth.default(scopes=list(oauth.SCOPES))
    except (OSError, ValueError, GoogleAuthError):
        found = None
    if found is not None:
        return found
    named = os.environ.get(KEY_VARIABLE)
    if named:
        raise CredentialsError(
            f"{KEY_VARIABLE} = '{named}' names no readable file of credentials; correct the "
            "variable or unset it"
        )
    if _gcloud_file().is_file():
        raise CredentialsError(
            f"'{_gcloud_file()}' holds no usable credentials; run 'gcloud auth "
            "application-default login' again, or delete the file"
        )
    raise CredentialsError(
        "Earth Engine: no credentials are found; run 'earthengine authenticate' once, or name a "
        "service account's key in earthengine.service_account_key"
    )


def _stored_token() -> Any:
    path = Path(oauth.get_credentials_path())
    if not path.is_file():
        return None
    try:
        fields = oauth.get_credentials_arguments()
    except (OSError, ValueError):
        fields = {}
    if not fields.get("refresh_token"):
        raise CredentialsError(f"'{path}' holds no token; run 'earthengine authenticate' again")
    fields.pop("quota_project_id", None)
    return google.oauth2.credentials.Credentials(None, **fields)  # type: ignore[no-untyped-call]


def _gcloud_file() -> Path:
    """Return where `gcloud auth application-default login` leaves its credentials."""
    folder = os.environ.get("CLOUDSDK_CONFIG")
    if folder:
        return Path(folder) / "application_default_credentials.json"
    roaming = os.environ.get("APPDATA") if os.name == "nt" else None
    settings = Path(roaming) if roaming else Path.home() / ".config"
    return settings / "gcloud" / "application_default_credentials.json"
