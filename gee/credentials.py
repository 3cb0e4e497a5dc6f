"""Whose account asks Earth Engine: a key file, application-default credentials, a stored token.

In: the settings and the files that `gcloud` and `earthengine authenticate` leave behind. Out:
credentials of google-auth that fetch and renew their tokens themselves. Nobody is ever prompted,
and no word of a key or a token gets into a message.
"""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google.auth
import google.oauth2.credentials
from ee import oauth
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
    named = os.environ.get(KEY_VARIABLE)
    if named:
        return _of_file(
            Path(named), f"{KEY_VARIABLE} = '{named}'", "correct the variable, or unset it"
        )
    gcloud = _gcloud_file()
    if gcloud.is_file():
        advice = "run 'gcloud auth application-default login' again, or delete the file"
        return _of_file(gcloud, f"'{gcloud}'", advice)
    stored = Path(oauth.get_credentials_path())
    if stored.is_file():
        return _of_stored_token(stored)
    # Last, since asking whether this is a machine of Google's takes seconds where it isn't.
    return _of_this_machine()


def _of_key_file(path: Path) -> Any:
    where = f"earthengine.service_account_key = '{path}'"
    if not path.is_file():
        raise CredentialsError(f"{where}: there is no such file; name the JSON key of the account")

    def load() -> Any:
        return service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
            str(path), scopes=list(oauth.SCOPES)
        )

    return _loaded(load, f"{where} is not the JSON key of a service account; make a new one")


def _of_file(path: Path, where: str, advice: str) -> Any:
    def load() -> Any:
        with warnings.catch_warnings():
            # It warns of files from strangers and of a missing quota project: the file is the
            # user's own, and each request carries the study's project. `google.auth.default`
            # would start `gcloud` to look for a project, which takes a second.
            warnings.simplefilter("ignore")
            found = google.auth.load_credentials_from_file(  # type: ignore[no-untyped-call]
                str(path), scopes=list(oauth.SCOPES)
            )
            return found[0]

    return _loaded(load, f"{where} holds no usable credentials; {advice}")


def _of_stored_token(path: Path) -> Any:
    def load() -> Any:
        fields = oauth.get_credentials_arguments()
        if not fields["refresh_token"]:
            raise ValueError
        fields.pop("quota_project_id")
        return google.oauth2.credentials.Credentials(None, **fields)  # type: ignore[no-untyped-call]

    return _loaded(load, f"'{path}' holds no usable token; run 'earthengine authenticate' again")


def _of_this_machine() -> Any:
    def load() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return google.auth.default(scopes=list(oauth.SCOPES))[0]

    return _loaded(
        load,
        "no credentials are found; run 'earthengine authenticate' once, or name the key of a "
        "service account in earthengine.service_account_key",
    )


def _loaded(load: Callable[[], Any], message: str) -> Any:
    """Return what `load` gives, or raise an error that repeats nothing of the file's content."""
    try:
        return load()
    except Exception:  # google-auth raises many kinds over files that are not as it expects
        pass
    raise CredentialsError(message)


def _gcloud_file() -> Path:
    """Return where `gcloud auth application-default login` leaves its credentials."""
    folder = os.environ.get("CLOUDSDK_CONFIG")
    if folder:
        return Path(folder) / "application_default_credentials.json"
    roaming = os.environ.get("APPDATA") if os.name == "nt" else None
    settings = Path(roaming) if roaming else Path.home() / ".config"
    return settings / "gcloud" / "application_default_credentials.json"
