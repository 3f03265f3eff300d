"""Talk to a running platform from outside: to the gateway as `admin`, to an admin port with the admin token."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from toolkit.layout import admin_password_file, admin_token_file, owner_token_file

ASK_TIMEOUT_S = 5.0
# A cancel-all answers when the venue has confirmed that nothing rests.
CANCEL_TIMEOUT_S = 30.0
# A process that stands still takes connections and answers nothing: that shows before it is waited for that long.
KNOCK_TIMEOUT_S = 2.0

# The public name of browser and command line clients; the user's password is what protects.
ADMIN = "admin"


# Refusals that speak of the request itself: nobody else would answer them otherwise.
MALFORMED = 422
ABOUT_THE_REQUEST = frozenset({404, 409, MALFORMED})


class NoAnswerError(Exception):
    """Somebody could not be asked, or could not say; the message says who and why."""


class NotLetInError(NoAnswerError):
    """The token shown is not one that is known there."""


class RefusedError(NoAnswerError):
    """Somebody has answered that it is not to be done; the message says why."""


class PlatformClient:
    """HTTP to one platform's loopback ports; every failure becomes one NoAnswerError with its reason."""

    def __init__(self, data_dir: Path, transport: httpx.BaseTransport | None = None) -> None:
        self._data_dir = data_dir
        # Loopback must not go through a proxy the shell knows of.
        self._http = httpx.Client(timeout=ASK_TIMEOUT_S, trust_env=False, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def login(self, gateway_url: str) -> str:
        """Return an access token for `admin`."""
        return self.login_as(gateway_url, ADMIN, _secret(admin_password_file(self._data_dir)))

    def login_as(self, gateway_url: str, user: str, password: str) -> str:
        """Return an access token for a user."""
        form = {"grant_type": "password", "username": user, "password": password, "scope": "public"}
        answer = self._send("POST", f"{gateway_url}/oauth/token", data=form)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise NoAnswerError(f"{gateway_url}: its answer to the login holds no access_token")
        return token

    def owner_token(self) -> str | None:
        """Return the token of this machine's owner, or None where there is none: an older or another machine's."""
        try:
            return owner_token_file(self._data_dir).read_text().strip() or None
        except OSError:
            return None

    def admin_token(self) -> str:
        """Return the token that the services' admin ports ask for."""
        return _secret(admin_token_file(self._data_dir))

    def knock(self, url: str) -> None:
        """Return when whoever listens at an address answers at all, whatever it says; NoAnswerError when not soon."""
        try:
            self._http.get(f"{url}/health", timeout=KNOCK_TIMEOUT_S)
        except httpx.HTTPError as error:
            raise NoAnswerError(f"{url}: {error or type(error).__name__}") from error

    def get(self, url: str, token: str | None = None) -> Any:
        return self._send("GET", url, headers=_bearer(token))

    def post(self, url: str, token: str, body: Mapping[str, Any]) -> Any:
        return self._send("POST", url, headers=_bearer(token), json=dict(body), timeout=CANCEL_TIMEOUT_S)

    def delete(self, url: str, token: str) -> Any:
        return self._send("DELETE", url, headers=_bearer(token))

    def _send(self, method: str, url: str, **options: Any) -> Any:
        try:
            response = self._http.request(method, url, **options)
        except httpx.HTTPError as error:
            raise NoAnswerError(f"{url}: {error or type(error).__name__}") from error
        if response.status_code in ABOUT_THE_REQUEST and (said := _own_words(response)):
            raise RefusedError(said)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise NotLetInError(f"{url}: {response.status_code} {_said(response)}")
        if response.is_error:
            raise NoAnswerError(f"{url}: {response.status_code} {_said(response)}")
        if not response.content:
            return {}
        try:
            return response.json()
        except ValueError as error:
            raise NoAnswerError(f"{url}: answered something else than JSON") from error


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise NoAnswerError(f"{path}: {error.strerror}") from error


def _said(response: httpx.Response) -> str:
    return _own_words(response) or response.text[:500]


def _own_words(response: httpx.Response) -> str:
    """Return what a refusal of ours says; empty for the answer of some other program on that port."""
    try:
        document = response.json()
        if isinstance(document["error"], str):
            return str(document["error_description"])  # of a login
        error = document["error"]
        message = str(error["message"])
        fields = [f"{each['field']}: {each['rule']}" for each in error.get("fields", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    # Which field breaks which rule is news where a body was malformed; other refusals say it in their sentence.
    news = "; ".join(each for each in fields if each != message)
    return f"{message} ({news})" if news and response.status_code == MALFORMED else message
