"""What a body costs a worker before the caller is known: docs/reliability.md says the bound."""

from __future__ import annotations

import json
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from flask_licensing.core.json_values import MAX_JSON_DEPTH, read_json
from flask_licensing.errors import TooManyValues
from tests.hostile_bodies import BODIES
from tests.hosts import PATH

if TYPE_CHECKING:
    from tests.hosts import Host

SIZE = 4 * 1024 * 1024
MOST_MEMORY_PER_BYTE = 12
MOST_CALLS = 20_000
"""Of functions, Python's own in C included, for a request of any kind; a step for each byte would be millions."""


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_of_any_kind_takes_a_bounded_multiple_of_its_size_and_no_step_for_each_byte(
    host: Host, kind: str
) -> None:
    content_type, make_body = BODIES[kind]
    body = make_body(SIZE)
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    client = host.app.test_client()
    client.post(PATH)
    tracemalloc.start()
    sys.setprofile(count)
    try:
        answer = client.post(PATH, data=body, content_type=content_type)
    finally:
        sys.setprofile(None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert host.verified(answer)["code"] in {100, 9400, 9413, 9415}
    assert peak < MOST_MEMORY_PER_BYTE * SIZE
    assert calls < MOST_CALLS


@pytest.mark.parametrize(
    ("document", "values", "depth"),
    [
        ('"text, [with {all"', 0, 0),
        ("[]", 1, 1),
        ('{"a": "b", "c": ["d"]}', 3, 2),
        (r'["\\\\", "\"[,{", "[,{"]', 3, 1),
        ("[[], {}, [1, 2]]", 7, 2),
        ("[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH, MAX_JSON_DEPTH, MAX_JSON_DEPTH),
        ('[{"a":' * 16 + "1" + "}]" * 16, 32, 32),
    ],
)
def test_json_has_as_many_values_as_it_has_commas_and_openings_outside_of_strings(
    document: str, values: int, depth: int
) -> None:
    value = json.loads(document)
    assert read_json(document, max_values=values) == value
    if values:
        with pytest.raises(TooManyValues):
            read_json(document, max_values=values - 1)
    deeper = MAX_JSON_DEPTH - depth
    assert read_json("[" * deeper + document + "]" * deeper, max_values=1000)
    with pytest.raises(ValueError, match="too deep"):
        read_json("[" * (deeper + 1) + document + "]" * (deeper + 1), max_values=1000)


@pytest.mark.parametrize("document", ["[" * 40, "[" * 40 + "]" * 41, '["' + "[" * 40, '["a"]]' + "[" * 40])
def test_json_whose_brackets_do_not_fit_is_none(document: str) -> None:
    with pytest.raises(ValueError, match="deep"):
        read_json(document, max_values=1000)
