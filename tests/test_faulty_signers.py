"""A remote signer that fails in every way under a real server: nothing is created that no signature speaks of.

``LICENSING_TEST_SCALE=10 python -m pytest tests/test_faulty_signers.py`` has it fail ten times as often.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from flask_licensing.verification import load_public_keys, verify_response
from tests.http_client import at_once
from tests.key_pairs import key_pairs
from tests.scale import SCALE

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host
    from tests.http_client import Answer

CLIENTS = 4
ROUNDS = SCALE
FAULTS = ["raise", "hang", "late", "wrong type", "wrong length", "another signature", "answer nothing"]
TIMEOUT_SECONDS = "0.5"

OF_SITE, OF_PRODUCT = key_pairs(2)


@pytest.mark.parametrize("remote", ["of_product", "of_site"])
def test_a_faulty_signer_creates_nothing_and_the_refusal_is_signed_where_a_key_is_at_hand(
    create_host: Callable[..., Host],
    serve: Callable[..., AbstractContextManager[GunicornServer]],
    tmp_path: Path,
    remote: str,
) -> None:
    host = create_host(private_key_source=lambda _: None)
    OF_SITE.write(tmp_path / "global.pem")
    OF_PRODUCT.write(tmp_path / "product-1.pem")
    public_keys = load_public_keys(OF_SITE.public_pem + OF_PRODUCT.public_pem)
    signs = OF_PRODUCT if remote == "of_product" else OF_SITE
    sent: dict[str, Answer] = {}

    def send(behaviour: str) -> list[Answer]:
        (tmp_path / "behaviour").write_text(behaviour)
        keys = [f"KEY-{len(sent) + number}" for number in range(CLIENTS)]
        answers = at_once([partial(server.post, host, license_keys=json.dumps([key])) for key in keys])
        sent.update(zip(keys, answers, strict=True))
        return answers

    settings = {
        "LICENSING_PRIVATE_KEY_SOURCE": f"tests.faulty_signer:{remote}",
        "LICENSING_SIGNING_TIMEOUT_SECONDS": TIMEOUT_SECONDS,
        "FAULTY_SIGNER_FOLDER": str(tmp_path),
    }
    with serve(host, "--threads=4", workers=2, **settings) as server:
        for fault in FAULTS * ROUNDS:
            for answer in send(fault):
                response = json.loads(answer.body)
                assert (answer.status, response["response"]["code"]) == (500, 9500), fault
                if remote == "of_product":
                    assert answer.headers["licensing-key-id"] == OF_SITE.id
                    assert verify_response(answer.body, public_keys)
                else:
                    assert response["signature"] == "Private key not set"
            for answer in send("sign"):
                assert answer.headers["licensing-key-id"] == signs.id
                assert verify_response(answer.body, public_keys[signs.id]).response["created"] == 1
    assert host.stored_license_keys() == sorted(key for key, answer in sent.items() if answer.status == 200)
