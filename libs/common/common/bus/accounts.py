"""The broker's configuration: an account for the streams and one for every user, joined by exactly their subjects.

The broker publishes in a client's name without asking whether it may: the acknowledgement of a publish, the answer to
an API request and what a consumer delivers go to whatever subject the client named. Within one account that is a
right to write into any stream. Therefore the streams lie in an account of their own, where nobody but the `streams`
step has a user. A service reaches it by imports: what it says acked and its API requests are service imports, whose
answers come back into the service's account, where no stream listens; what it says plain goes into streams that
acknowledge nothing. What it hears comes straight from the accounts of those who say it, without a detour on the way
of a tick.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from common.bus.features import OLDEST, Features
from common.bus.permissions import (
    ADMINISTRATOR,
    DUTIES,
    USERS,
    acknowledgements,
    api_requests,
    publish_subjects,
    sayings,
    speakers_of,
    subscribe_subjects,
)
from common.events import REGISTRY, User
from common.streams import JETSTREAM_API, OTHERS, SERVER_API, stream_of

STORE_MAX = "4GB"
STREAMS_ACCOUNT = "STREAMS"
PULL, DIRECT_GET = "CONSUMER.MSG.NEXT.", "DIRECT.GET."
"""API requests that may be answered by more than one message, the second one where the broker can: who asks goes by
its version, which the writer of this configuration may not have known."""
FORGOTTEN_AFTER = "5s"
"""How long after its last answer the broker remembers where those to a direct get go; there are many of these."""


def account_of(user: str) -> str:
    """Return the broker account a user lives in."""
    return STREAMS_ACCOUNT if user == ADMINISTRATOR else user.upper()


def render_server_config(
    passwords: Mapping[str, str],
    *,
    store_dir: str,
    host: str = "127.0.0.1",
    port: int = 4222,
    monitor_port: int = 8222,
    features: Features = OLDEST,
) -> str:
    """Return the nats-server configuration with one user and account per service; `passwords` by user name.

    `features` are those of the server that will read it: an older one does not start on what it does not know.
    KeyError when a user has no password. The text holds the passwords: write it with mode 600.
    """
    accounts = {STREAMS_ACCOUNT: _streams_account(passwords[ADMINISTRATOR])}
    accounts |= {account_of(user): _account(user, passwords[user]) for user in USERS if user != ADMINISTRATOR}
    rendered = ",\n".join(f"  {name}: {json.dumps(account)}" for name, account in accounts.items())
    sync = f"\n  sync_interval: {json.dumps(features.sync_interval)}" if features.sync_interval else ""
    return f"""# Written by the platform's set-up; passwords inside.
server_name: mm
listen: {json.dumps(f"{host}:{port}")}
http: {json.dumps(f"{host}:{monitor_port}")}
max_payload: 1MB
max_pending: 64MB
ping_interval: "5s"
ping_max: 2
write_deadline: "5s"
jetstream {{
  store_dir: {json.dumps(store_dir)}
  max_file_store: {STORE_MAX}
  max_memory_store: 128MB{sync}
}}
accounts {{
{rendered}
}}
"""


def _streams_account(password: str) -> dict[str, Any]:
    """The account of the streams: it stores what the services say and answers their requests."""
    said = [(service, saying.subject) for service in DUTIES for saying in sayings(service)]
    requests = {request for user in USERS if user != ADMINISTRATOR for request in api_requests(user)}
    services = sorted(
        {subject for _, subject in said if stream_of(subject).acked}
        | {subject for user in DUTIES for subject in acknowledgements(user)}
    )
    return {
        "jetstream": "enabled",
        "users": [_user(ADMINISTRATOR, password)],
        # The step asks under the same subjects as everybody else.
        "mappings": {f"{JETSTREAM_API}.>": f"{SERVER_API}.>"},
        "exports": [
            *[{"service": subject} for subject in services],
            *[_api_export(request) for request in sorted(requests)],
        ],
        "imports": [
            _stream_import(account_of(service), subject) for service, subject in said if not stream_of(subject).acked
        ],
    }


def _api_export(request: str) -> dict[str, Any]:
    export = {"service": f"{SERVER_API}.{request}"}
    if request.startswith(PULL):
        return export | {"response_type": "stream"}
    if request.startswith(DIRECT_GET):
        return export | {"response_type": "stream", "response_threshold": FORGOTTEN_AFTER}
    return export


def _account(user: str, password: str) -> dict[str, Any]:
    """The account of one user: it exports what the user says, and imports what it hears and asks."""
    said = [saying.subject for saying in sayings(user)] if user in DUTIES else []
    return {
        "users": [_user(user, password)],
        "exports": [{"stream": subject} for subject in said],
        "imports": [
            *[_service_import(subject) for subject in said if stream_of(subject).acked],
            *[_service_import(subject) for subject in acknowledgements(user)],
            *[_api_import(request) for request in api_requests(user)],
            *_heard(user),
        ],
    }


def _heard(user: str) -> Iterator[dict[str, Any]]:
    """Yield the imports of what a user hears from others; its own it hears within its account."""
    own = {saying.subject for saying in sayings(user)} if user in DUTIES else set()
    events = DUTIES[user].hears if user in DUTIES else [event for event in REGISTRY.values() if event is not User]
    for event in events:
        for speaker, subject in speakers_of(event):
            if speaker != user:
                heard = _stream_import(account_of(speaker), subject)
                # Under the same name another's word would go on to the streams as if it were this user's own, and two
                # who import it from each other would be a circle to the broker.
                yield heard | {"prefix": OTHERS} if subject in own else heard


def _service_import(subject: str) -> dict[str, Any]:
    return {"service": {"account": STREAMS_ACCOUNT, "subject": subject}}


def _api_import(request: str) -> dict[str, Any]:
    # Under another name: to its own the server answers in every account without streams, and its refusal would race.
    return {**_service_import(f"{SERVER_API}.{request}"), "to": f"{JETSTREAM_API}.{request}"}


def _stream_import(account: str, subject: str) -> dict[str, Any]:
    return {"stream": {"account": account, "subject": subject}}


def _user(user: str, password: str) -> dict[str, Any]:
    permissions = {"publish": {"allow": publish_subjects(user)}, "subscribe": {"allow": subscribe_subjects(user)}}
    return {"user": user, "password": password, "permissions": permissions}
