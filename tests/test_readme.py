"""The README: its app runs as written, and the answer it shows verifies as it says."""

from __future__ import annotations

import json
import os
import shlex
import sys
from http.client import HTTPConnection
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from flask_licensing.verification import verify_response
from tests.code_blocks import code_blocks
from tests.foreign_clients import run_php
from tests.programs import PROJECT, THIS_PROJECT, run, running_server

if TYPE_CHECKING:
    from pathlib import Path

README = PROJECT / "README.md"
(APP,) = code_blocks(README, "python")
SHOWN_ANSWER, SHOWN_REFUSAL = code_blocks(README, "json")
(SHOWN_PUBLIC_KEY,) = code_blocks(README, "text")
(PHP_CLIENT,) = code_blocks(README, "php")
SHELL_COMMANDS = [
    shlex.split(line) for block in code_blocks(README, "shell") for line in block.replace("\\\n", " ").splitlines()
]
FLASK_COMMANDS = [command[1:] for command in SHELL_COMMANDS if command[0] == "flask"]
(CURL_COMMAND,) = (command for command in SHELL_COMMANDS if command[0] == "curl")

OTHER_PYTHON = os.environ.get("LICENSING_TEST_README_PYTHON")
"""Another interpreter for the README's app, one that has the package installed; by default this one is used."""

ENVIRONMENT = THIS_PROJECT if OTHER_PYTHON is None else {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}


def _flask(*arguments: str) -> list[str]:
    return [OTHER_PYTHON or sys.executable, "-m", "flask", *arguments]


def _send_as_curl_does(url: str, api_key: str, **changes: str) -> bytes:
    """Send the README's curl line, with these changes of its fields, to another address."""
    written = (word.split("=", 1) for option, word in pairwise(CURL_COMMAND) if option.startswith("--data"))
    fields = dict(written) | changes
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/x-www-form-urlencoded"}
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", urlsplit(CURL_COMMAND[1]).path, urlencode(fields), headers)
    body = connection.getresponse().read()
    connection.close()
    return body


def test_the_app_is_whole_in_25_lines() -> None:
    assert len(APP.splitlines()) <= 25


def test_the_app_of_the_readme_answers_and_refuses_signed_over_http(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    *preparations, serve = FLASK_COMMANDS
    printed = {}
    for command in [*preparations, ["--app", "shop", "licensing", "show-public-key"]]:
        finished = run(_flask(*command), tmp_path, ENVIRONMENT)
        assert finished.returncode == 0, finished.stderr
        printed[command[3]] = finished.stdout
    api_key = printed["create-api-key"].split()[-1]
    with running_server(_flask(*serve, "--port", "0"), tmp_path, ENVIRONMENT) as url:
        bodies = [_send_as_curl_does(url, api_key), _send_as_curl_does(url, api_key, product_id="99")]
    responses = [verify_response(body, printed["show-public-key"]).response for body in bodies]
    shown = [json.loads(SHOWN_ANSWER)["response"], json.loads(SHOWN_REFUSAL)]
    assert [response | {"timestamp": 0} for response in responses] == [each | {"timestamp": 0} for each in shown]


def test_the_answer_shown_verifies_with_the_public_key_shown() -> None:
    response = verify_response(SHOWN_ANSWER, SHOWN_PUBLIC_KEY).response
    assert (response["code"], response["created"], response["duplicate"]) == (900, 2, 0)


def test_the_php_lines_accept_the_answer_shown() -> None:
    program = f"$body = stream_get_contents(STDIN); $public_key = $argv[1];\n{PHP_CLIENT}\nvar_export($verified);"
    assert run_php(program, SHOWN_ANSWER, SHOWN_PUBLIC_KEY) == "true"
    assert run_php(program, SHOWN_ANSWER.replace('"signature":"', '"signature":"AAAA'), SHOWN_PUBLIC_KEY) == "false"
