"""License keys that people type: what is found, what is healed, without Flask and without a database."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_licensing.core.readable_keys import SYMBOLS, add_check_symbols
from flask_licensing.verification import MistypedLicenseKey, check_typing

PREFIXES = st.sampled_from(["", "ACME-", "KEY-", "AC-", "Z-", "A-00000000-"])
DRAWN = st.lists(st.integers(0, 31), min_size=1, max_size=40)


@st.composite
def license_keys(draw: st.DrawFn) -> str:
    """A license key in groups of 4 to 8, all groups but a prefix full."""
    length = draw(st.integers(4, 8))
    prefix = draw(PREFIXES.filter(lambda prefix: prefix != "A-00000000-" or length == 8))
    drawn = draw(DRAWN)
    drawn += [0] * (-(len(drawn) + 2) % length)
    return add_check_symbols(prefix, drawn, draw(st.sampled_from(["", "-" + "7" * length])), length)


def _is_found(typed: str) -> bool:
    try:
        check_typing(typed)
    except MistypedLicenseKey:
        return True
    return False


@given(license_keys())
def test_a_license_key_as_it_was_issued_is_returned_as_it_is(license_key: str) -> None:
    assert check_typing(license_key) == license_key


@given(license_keys())
@settings(max_examples=25)
def test_any_one_wrong_symbol_at_any_place_is_found(license_key: str) -> None:
    passed = [
        (place, wrong)
        for place, right in enumerate(license_key)
        if right != "-"
        for wrong in SYMBOLS
        if wrong != right and not _is_found(license_key[:place] + wrong + license_key[place + 1 :])
    ]
    assert passed == []


@given(license_keys())
@settings(max_examples=25)
def test_any_two_different_symbols_less_than_31_apart_that_are_swapped_are_found(license_key: str) -> None:
    symbols = license_key.replace("-", "")
    passed = [
        (first, second)
        for second in range(len(symbols))
        for first in range(max(0, second - 30), second)
        if symbols[first] != symbols[second]
        and not _is_found(
            symbols[:first] + symbols[second] + symbols[first + 1 : second] + symbols[first] + symbols[second + 1 :]
        )
    ]
    assert passed == []


@given(license_keys(), st.data())
def test_case_letters_that_look_like_digits_dashes_and_white_space_are_healed(
    license_key: str, data: st.DataObject
) -> None:
    alike = {"0": "0oO", "1": "1iIlL"}
    between = st.sampled_from(["", "", "-", " ", "\t", "\N{EN DASH}", "\N{NON-BREAKING HYPHEN}", "\N{NO-BREAK SPACE}"])
    typed = "".join(
        data.draw(st.sampled_from(alike.get(symbol, symbol + symbol.lower()))) + data.draw(between)
        for symbol in license_key.replace("-", "")
    )
    assert check_typing(typed) == license_key


@pytest.mark.parametrize("typed", ["", "-", "0", "00", "PA1H-654R-T7ZN-EEAU", "PA1H-654R-T7ZN-EEAÄ", "PA1H*654R"])
def test_what_is_no_license_key_is_refused(typed: str) -> None:
    with pytest.raises(MistypedLicenseKey):
        check_typing(typed)


def test_a_character_that_no_license_key_has_is_named() -> None:
    with pytest.raises(MistypedLicenseKey, match="No license key has the character 'U'"):
        check_typing("PA1H-654R-T7ZN-EEAU")


def test_license_keys_that_were_issued_once_stay_right() -> None:
    assert check_typing("PA1H-654R-T7ZN-EEAD") == "PA1H-654R-T7ZN-EEAD"
    assert check_typing("ACME-8EVKK-XSQ33-7C1GB-15QT2-8ZTZY") == "ACME-8EVKK-XSQ33-7C1GB-15QT2-8ZTZY"


def test_nothing_of_the_server_is_needed() -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['flask', 'sqlalchemy', 'marshmallow']));"
        "from flask_licensing.verification import check_typing; print(check_typing('pa1h654rt7zneead'))"
    )
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - the test's own program
    assert output.stdout == "PA1H-654R-T7ZN-EEAD\n"
