"""A receiver of webhooks that does as it is told: answers with a status, hangs, closes, or redirects."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Where it listens, what it received, and what it does: ``answer`` returns the bytes of each answer."""

    port: int
    answer: Callable[[Received], bytes | Iterator[bytes]]
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    is_closing: threading.Event = field(default_factory=threading.Event)

    def trickle(self, _: Received) -> Iterator[bytes]:
        """An answer without an end, of which there is always a little more in time."""
        yield b"HTTP/1.1 200 OK\r\n"
        while not self.is_closing.wait(0.05):
            yield b"X"

    def hang(self) -> bytes:
        """Answer nothing for as long as the receiver listens."""
        self.is_closing.wait()
        return b""

    @property
    def url(self) -> str:
        """The URL of a webhook of its own, with a secret in its query."""
        return f"http://127.0.0.1:{self.port}/hook?token=s3cret"


def status(code: int, *headers: str) -> bytes:
    """Return a whole answer without a body."""
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {code} Whatever", "Content-Length: 0", *headers, "")).encode()


@contextmanager
def running_receiver(port: int = 0) -> Iterator[Receiver]:
    """Listen on this machine while the block runs, by default on a free port; each request is answered with 200."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            receiver.connections += 1
            line = self.rfile.readline().decode().strip()
            if not line:
                return
            headers: dict[str, str] = {}
            while text := self.rfile.readline().decode().strip():
                name, _, value = text.partition(": ")
                headers[name] = value
            request = Received(line, headers, self.rfile.read(int(headers["Content-Length"])))
            receiver.received.append(request)
            answer = receiver.answer(request)
            for part in [answer] if isinstance(answer, bytes) else answer:
                self.wfile.write(part)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of clients that went away."""

    with Server(("127.0.0.1", port), Handler) as server:
        receiver = Receiver(server.server_address[1], lambda _: status(200))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.is_closing.set()
            server.shutdown()
            thread.join()
