"""Where a change comes from: the request that is being answered, a command, or host code."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

import click
from flask import has_request_context, request

from flask_licensing.core.domain import MAX_ADDRESS_LENGTH, MAX_REQUEST_ID_LENGTH, MAX_TEXT_LENGTH, Origin

if TYPE_CHECKING:
    from flask_licensing.core.domain import Clock

REQUEST_ID_HEADER = "X-Request-ID"

HOST_CODE = "host"

_REQUEST_TIME_IN_ENVIRON = "flask_licensing.request_time"
_REQUEST_ID_IN_ENVIRON = "flask_licensing.request_id"
_ACCEPTED_REQUEST_ID = re.compile(rf"[!-~]{{1,{MAX_REQUEST_ID_LENGTH}}}")


def origin_of_request(actor: str) -> Origin:
    """Return the origin of what the current request changes; ``actor`` is who is let in."""
    address = request.remote_addr
    return Origin(
        _storable(actor, MAX_TEXT_LENGTH),
        None if address is None else _storable(address, MAX_ADDRESS_LENGTH),
        request_id(),
    )


def current_origin() -> Origin:
    """Return the origin of what host code or a command changes."""
    if has_request_context():
        return origin_of_request(HOST_CODE)
    command = click.get_current_context(silent=True)
    if command is not None:
        return Origin(_storable(f"command:{command.info_name}", MAX_TEXT_LENGTH))
    return Origin(HOST_CODE)


def request_id() -> str:
    """Return the id of the current request: the client's, of printable ASCII without spaces, or else a random one."""
    known = request.environ.get(_REQUEST_ID_IN_ENVIRON)
    if known is None:
        sent = request.headers.get(REQUEST_ID_HEADER, "")
        known = sent if _ACCEPTED_REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)
        request.environ[_REQUEST_ID_IN_ENVIRON] = known
    return str(known)


def request_time(clock: Clock) -> datetime:
    """Return the time of the current request, naive UTC: its one reading of the clock."""
    known = request.environ.get(_REQUEST_TIME_IN_ENVIRON)
    if not isinstance(known, datetime):
        known = request.environ[_REQUEST_TIME_IN_ENVIRON] = clock()
    return known


def _storable(text: str, length: int) -> str:
    """Return a text that every database takes, as an address behind some proxies is whatever a client sent."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else "?" for character in text)
    return text[:length]
