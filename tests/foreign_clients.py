"""Running real PHP and OpenSSL, with which clients of the API check answers."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def run_php(code: str, standard_input: str = "", *arguments: str) -> str:
    """Return what a PHP program prints; skip where there is no PHP."""
    php = shutil.which("php")
    if php is None:
        pytest.skip("needs PHP: install it, as with “apt-get install php-cli”, and have php on the PATH")
    finished = subprocess.run(  # noqa: S603 - the test's own program
        [php, "-r", code, "--", *arguments],
        input=standard_input,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return finished.stdout


def run_openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``openssl``; skip where there is none."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs OpenSSL: install it, as with “apt-get install openssl”, and have openssl on the PATH")
    return subprocess.run([openssl, *arguments], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - the test's own program
