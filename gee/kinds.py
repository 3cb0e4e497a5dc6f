"""What the client of Earth Engine raises → an error of one of our kinds, in one clear line.

In: an exception of the client, of google-auth or of the connection. Out: a `ServiceError` whose
class says what to do (give other credentials, wait, divide, correct), or none where the exception
comes from elsewhere and is a fault of the program.

The client gives only a text; the status lies in the HTTP error from which it was translated. A
request too heavy for the service's memory or five minutes is an ordinary 400, so texts decide
first and statuses after.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import requests
from ee.ee_exception import EEException
from google.auth.exceptions import GoogleAuthError, InvalidOperation, RefreshError, TransportError
from googleapiclient.errors import Error as ApiClientError
from googleapiclient.errors import HttpError, InvalidJsonError, UnknownApiNameOrVersion
from httplib2.error import HttpLib2Error

from gee.errors import (
    AssetError,
    BusyError,
    CredentialsError,
    QuotaError,
    RefusedError,
    ServiceError,
    TooLargeError,
)

LONGEST_TEXT = 300
"""Characters of the service's own words that a message repeats."""


@dataclass(frozen=True)
class _Kind:
    error: type[ServiceError]
    meaning: str
    advice: str


_TOO_LARGE = _Kind(
    TooLargeError,
    "too large or too heavy for one request",
    "ask for a smaller window, fewer bands or fewer points at once",
)
_MISSING = _Kind(
    AssetError,
    "an asset or a band is missing, or not open to this account",
    "check its id in the study and in Earth Engine's catalogue",
)
_OTHER = _Kind(
    AssetError,
    "an asset is of another kind than the study takes it for",
    "check in Earth Engine's catalogue what it is, and the key of the study that names it",
)
_UNKNOWN = _Kind(
    CredentialsError,
    "Earth Engine does not accept the credentials",
    "get new ones, such as by 'earthengine authenticate', or name another key file",
)
_FORBIDDEN = _Kind(
    CredentialsError,
    "the credentials may not use the project",
    "check earthengine.project, and that it is registered for Earth Engine and open to this "
    "account",
)
_QUOTA = _Kind(
    BusyError,
    "more was asked at once than a quota allows",
    "lower earthengine.workers, or go on later; what is done is kept",
)
_NO_MORE_TODAY = _Kind(
    QuotaError,
    "the project's quota of the day is used up",
    "nothing passes before tomorrow (days begin at midnight Pacific time): go on then, or have the "
    "quota raised in the Cloud console (IAM & Admin, Quotas); what is done is kept",
)
_NO_MORE_THIS_MONTH = _Kind(
    QuotaError,
    "the project's quota of the month is used up",
    "nothing passes before the next month: go on then, ask for a higher tier, or have the quota "
    "raised in the Cloud console (IAM & Admin, Quotas); what is done is kept",
)
_RESTRICTED = _Kind(
    BusyError,
    "this month's quota of the project is used up (restricted mode)",
    "set earthengine.workers = 1, go on next month, or ask for a higher tier; what is done is kept",
)
_OVERLOAD = _Kind(BusyError, "Earth Engine is overloaded", "go on later; what is done is kept")
_UNREACHED = _Kind(
    BusyError,
    "no connection",
    "check the network, a proxy (HTTPS_PROXY) and earthengine.url, and go on later",
)
_UNANSWERED = _Kind(
    BusyError,
    "no whole answer in time",
    "go on later, or raise earthengine.deadline_s",
)
_HALF = _Kind(BusyError, "the answer was broken off", "go on later; what is done is kept")
_REFUSED = _Kind(
    RefusedError, "Earth Engine refuses the request", "it would be refused again as it is"
)
_ELSEWHERE = _Kind(
    RefusedError, "what answers there is no Earth Engine", "check earthengine.url, or a proxy"
)
_LOCAL = _Kind(
    RefusedError,
    "the local Earth Engine cannot answer",
    "docs/local-earth-engine.md lists what it can",
)
_CERTIFICATE = _Kind(
    RefusedError,
    "the connection is not trusted",
    "a proxy may stand between: name its certificate in REQUESTS_CA_BUNDLE",
)

_LOCAL_TEXTS = ("the local earth engine ",)
_TOO_LARGE_TEXTS = (
    "memory limit exceeded",
    "memory capacity exceeded",
    "out of memory",
    "timed out",
    "too many concurrent aggregations",
    "must be less than or equal to",
    "exceeds the limit",
    "accumulating over",
    "too large",
    "too many pixels",
)
_MISSING_TEXTS = (
    "not found",
    "did not match any bands",
    "does not exist",
    "earthengine.assets",
    "no band",
)
_OTHER_TEXTS = ("is not an image", "is not a feature", "is not a collection", "is not a table")
_TOKEN = re.compile(r"\b(?:ya29\.|1//|Bearer )\S+|-----BEGIN.*")
"""How access tokens, refresh tokens and private keys begin."""
_LONG_QUOTA = re.compile(r"per[ _-]?(day|month)|\b(dai|month)ly")
"""Of a text that says that a quota was exceeded: that it is one of a day or a month."""
_QUOTA_TEXTS = (
    "quota exceeded",
    "custom quota",
    "too many requests",
    "too many concurrent",
    "too many tasks",
    "rate limit",
    "ratelimit",
)
"""Of what there are too many is said: too many input pixels of a mean are as many next time."""


def service_error(error: BaseException, what: str) -> ServiceError | None:
    """Return the error of our own tree that an exception of the client stands for.

    Parameters
    ----------
    error : what a call of `ee` raised
    what : what was asked for and where, as the message's beginning

    Returns
    -------
    ServiceError or None
        with a message of one line; None where the exception has nothing to do with the service.
    """
    if isinstance(error, ServiceError):
        return error
    answer = error if isinstance(error, HttpError) else error.__context__
    if isinstance(error, EEException | HttpError) and isinstance(answer, HttpError):
        return error_of_answer(int(answer.resp.status), answer.reason, what)
    found = _kind_and_text(error)
    if found is None:
        return None
    return _error(*found, what)


def error_of_answer(status: int | None, text: str, what: str) -> ServiceError:
    """Return the error of our own tree for a status of HTTP, if any, and the service's words."""
    if status is None:
        return _error(_kind_of_answer(400, text), _one_line(text), what)
    # Who refuses a token may repeat it.
    said = str(status) if status == 401 else f"{status} {text}"
    return _error(_kind_of_answer(status, text), _one_line(said), what)


def _error(kind: _Kind, text: str, what: str) -> ServiceError:
    said = f" ({text})" if text else ""
    return kind.error(f"{what}: {kind.meaning}{said}; {kind.advice}")


def _kind_and_text(error: BaseException) -> tuple[_Kind, str] | None:
    if isinstance(error, GoogleAuthError):
        return _kind_of_sign_in(error)
    if isinstance(error, EEException):  # the client refuses before it sends anything
        return _REFUSED, _one_line(error)
    if isinstance(error, requests.exceptions.SSLError):
        return _CERTIFICATE, _one_line(error)
    if isinstance(error, TimeoutError | requests.exceptions.Timeout):
        return _UNANSWERED, _one_line(error)
    if isinstance(error, ConnectionError | requests.exceptions.RequestException | HttpLib2Error):
        return _UNREACHED, _one_line(error)
    if isinstance(error, json.JSONDecodeError):
        return _HALF, ""
    if isinstance(error, UnknownApiNameOrVersion | InvalidJsonError):
        return _ELSEWHERE, ""
    if isinstance(error, ApiClientError):
        return _REFUSED, _one_line(error)
    return None


def _kind_of_answer(status: int, text: str) -> _Kind:
    said = text.lower()
    if _says(said, _LOCAL_TEXTS) or status == 501:
        return _LOCAL
    if _says(said, _TOO_LARGE_TEXTS) and status < 500:
        return _TOO_LARGE
    if status == 401:
        return _UNKNOWN
    if status in (400, 403, 429) and (lasting := _used_up(said)):
        return lasting
    if status < 500 and "restricted mode" in said:
        return _RESTRICTED
    if status == 429 or (status in (400, 403) and _says(said, _QUOTA_TEXTS)):
        return _QUOTA
    if status >= 500 or status == 408:
        return _OVERLOAD
    if said.startswith("project "):
        return _FORBIDDEN
    if _says(said, _OTHER_TEXTS):
        return _OTHER
    if _says(said, _MISSING_TEXTS):
        return _MISSING
    if status == 403:
        return _FORBIDDEN
    return _MISSING if status == 404 else _REFUSED


def _used_up(said: str) -> _Kind | None:
    """Return the kind of an answer by which a quota of a day or a month is used up, else None.

    Quotas of a minute or of requests at once pass; so does restricted mode, in which a project
    whose month is used up is answered on, to fewer requests at once.
    """
    if "exceeded" not in said or not _says(said, ("quota", "limit exceeded")):
        return None
    found = _LONG_QUOTA.search(said)
    if found is None:
        return None
    return _NO_MORE_THIS_MONTH if "month" in found[0] else _NO_MORE_TODAY


def _kind_of_sign_in(error: GoogleAuthError) -> tuple[_Kind, str]:
    """Sort an error of google-auth; of its words only the standard's own code is repeated."""
    if isinstance(error, TransportError):
        return _UNREACHED, "the server that gives tokens does not answer"
    if isinstance(error, RefreshError):
        if getattr(error, "retryable", False):
            return _OVERLOAD, "the server that gives tokens is overloaded"
        code = re.search(r"invalid_\w+|unauthorized_client|access_denied", str(error))
        return _UNKNOWN, f"expired, revoked or unknown: {code[0]}" if code else "no token is given"
    if isinstance(error, InvalidOperation):
        return _UNKNOWN, "none were sent"
    return _UNKNOWN, type(error).__name__


def _says(text: str, words: Sequence[str]) -> bool:
    return any(word in text for word in words)


def _one_line(text: object) -> str:
    line = _TOKEN.sub("…", " ".join(str(text).split())).rstrip(".")
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"
