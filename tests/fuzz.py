"""Fuzz an app in this process for as long as wanted: ``python -m tests.fuzz --minutes 30 --seed 1``.

Each request is checked as the property tests check theirs (``tests/request_checks.py``): no answer of 500 and above,
every answer signed and in the contract's form, as many rows added as were counted, no secret in the answer or the log.
What fails is printed with the round's seed, as small as hypothesis gets it, and the exit code is 1.
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
import time
import traceback
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, Phase, given, seed, settings

from flask_licensing.core.public_keys import public_key_pem
from flask_licensing.private_keys.signing import generate_private_key
from flask_licensing.verification import VerificationError, verify_response
from tests import hostile_requests
from tests.described_requests import described_requests
from tests.hosts import Host, create_host
from tests.request_checks import RequestChecker, captured_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hypothesis.strategies import SearchStrategy

    from tests.hostile_requests import HostileRequest

EXAMPLES_PER_ROUND = 200
MUTANTS_PER_EXAMPLE = 10
FORGERIES_PER_ANSWER = 5

STRATEGIES: Mapping[str, Callable[[Host], SearchStrategy[HostileRequest]]] = {
    "fields of any kind": lambda host: hostile_requests.any_fields(host.product_id),
    "fields repeated and under odd names": lambda host: hostile_requests.repeated_and_odd_fields(host.product_id),
    "bodies broken or of another type": lambda host: hostile_requests.bodies_of_any_kind(host.product_id),
    "made from the description": described_requests,
    "odd headers, paths and methods": lambda host: hostile_requests.any_headers(host.product_id, host.secret),
}


class Fuzzer:
    """Runs rounds against one host; counts what was checked and keeps what failed."""

    def __init__(self, host: Host, checker: RequestChecker, randomness: random.Random) -> None:
        self._host = host
        self._checker = checker
        self._random = randomness
        self.checked: Counter[str] = Counter()
        self.failures: dict[str, list[str]] = {}

    def run_round(self, name: str, strategy: SearchStrategy[HostileRequest]) -> None:
        """Check some requests of one strategy, some mutants of each, and some forgeries of each mutant's answer."""
        seen: list[HostileRequest] = []
        round_seed = self._random.getrandbits(32)

        @seed(round_seed)
        @settings(
            deadline=None,
            database=None,
            max_examples=EXAMPLES_PER_ROUND,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[*HealthCheck],
        )
        @given(strategy)
        def check(request: HostileRequest) -> None:
            self.checked[name] += 1
            seen.append(request)
            self._checker.check(request)

        self._attempt(f"{name}, seed {round_seed}", check)
        for mutant in self._mutants(seen):
            self.checked["mutants"] += 1
            self._attempt(repr(mutant), partial(self._checker.check, mutant))
            self._attempt(repr(mutant), partial(self._forge, mutant))

    def _attempt(self, what: str, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported and the run goes on
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} in {place.name}, line {place.lineno}"
            self.failures.setdefault(kind, []).append(f"{what}\n{traceback.format_exc()}")

    def _mutants(self, requests: list[HostileRequest]) -> Iterator[HostileRequest]:
        for request in requests:
            for _ in range(MUTANTS_PER_EXAMPLE):
                body = request.body
                for _ in range(self._random.randint(1, 5)):
                    body = self._mutated(body)
                other = self._random.choice(requests)
                content_type = self._random.choice([request.content_type, request.content_type, other.content_type])
                yield dataclasses.replace(request, body=body, content_type=content_type, fields=None)

    def _mutated(self, body: bytes) -> bytes:
        start = self._random.randint(0, len(body))
        end = start + self._random.choice([0, 0, 1, 1, 2, 4, 16])
        pieces = [b"", self._random.randbytes(1), self._random.choice(hostile_requests.TOKENS), body[start:end] * 2]
        return body[:start] + self._random.choice(pieces) + body[end:]

    def _forge(self, request: HostileRequest) -> None:
        """Change the answer on its way; the verifier has to refuse it, or give what the genuine one gives."""
        sent = self._checker.send(request)
        # The site's own pages, and published documents, are no answers of the API.
        if not sent.data or sent.headers.get("Cache-Control") != "no-store":
            return
        answer = sent.data
        genuine = verify_response(answer, self._host.public_key).response
        for _ in range(FORGERIES_PER_ANSWER):
            self.checked["forged answers"] += 1
            try:
                accepted = verify_response(self._mutated(answer), self._host.public_key).response
            except VerificationError:
                continue
            assert accepted == genuine


def fuzzing_host(folder: Path) -> Host:
    """Return a host over a SQLite file that waits for no disk."""
    private_key = generate_private_key()
    loaded = load_pem_private_key(private_key, None)
    assert isinstance(loaded, RSAPrivateKey)
    host = create_host(
        f"sqlite:///{folder / 'fuzz.db'}",
        private_key.decode(),
        public_key_pem(loaded.public_key()),
    )
    with host.app.app_context():
        sa.event.listen(host.db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        host.db.engine.dispose()
    return host


@click.command()
@click.option("--minutes", type=float, default=1.0, show_default=True, help="How long; a round is not broken off.")
@click.option(
    "--seed", "run_seed", type=int, default=0, show_default=True, help="The same seed sends the same requests."
)
def main(minutes: float, run_seed: int) -> None:
    """Fuzz the API and the verifier; the exit code is 0 where nothing was found."""
    with tempfile.TemporaryDirectory() as folder, captured_log() as log:
        host = fuzzing_host(Path(folder))
        checker = RequestChecker(host, log)
        strategies = {name: make(host) for name, make in STRATEGIES.items()}
        fuzzer = Fuzzer(host, checker, random.Random(run_seed))  # noqa: S311 - to be repeatable is the point
        started = time.monotonic()
        while time.monotonic() - started < minutes * 60:
            for name, strategy in strategies.items():
                fuzzer.run_round(name, strategy)
        seconds = time.monotonic() - started
        with host.app.app_context():
            host.db.engine.dispose()
    for name, count in fuzzer.checked.items():
        click.echo(f"{count:>9,} {name}")
    requests = fuzzer.checked.total() - fuzzer.checked["forged answers"]
    click.echo(f"{requests:,} requests in {seconds / 60:.1f} minutes, {requests / seconds:.0f} a second")
    click.echo(f"answered with: {dict(sorted(checker.outcomes.items()))}")
    for kind, failures in fuzzer.failures.items():
        click.echo(f"\n{len(failures)} times {kind}; the first:\n{failures[0]}")
    click.echo(f"{len(fuzzer.failures)} kinds of failures")
    raise SystemExit(bool(fuzzer.failures))


if __name__ == "__main__":
    main()
