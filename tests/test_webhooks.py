"""Where webhooks may lead: never into the site's own network, however that is written, resolved or redirected to."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.core.public_addresses import may_be_reached, refuse_what_a_host_tells
from flask_licensing.core.urls import MAX_URL_LENGTH, read_webhook_url
from flask_licensing.errors import WebhookRefused
from flask_licensing.queue import delivery
from tests.webhook_receiver import running_receiver, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

OWN = [
    "0.0.0.0",  # noqa: S104 - is not listened at
    "0.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "4000::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2000::1",
    "2001:200::1",
    "2001:db9::1",
    "2606:4700::1",
    "3ffe::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


def test_only_public_addresses_may_be_reached_and_those_that_a_setting_names() -> None:
    assert [address for address in OWN if may_be_reached(ipaddress.ip_address(address), ())] == []
    assert [address for address in PUBLIC if not may_be_reached(ipaddress.ip_address(address), ())] == []
    allowed = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")]
    reached = {
        address: may_be_reached(ipaddress.ip_address(address), allowed)
        for address in ("10.1.2.3", "10.2.0.0", "::ffff:10.1.2.3", "fd12::1", "fc00::1")
    }
    assert reached == {
        "10.1.2.3": True, "10.2.0.0": False, "::ffff:10.1.2.3": True, "fd12::1": True, "fc00::1": False
    }  # fmt: skip


TOLD = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "[::1]",
    "[::ffff:7f00:1]",
    "[::ffff:127.0.0.1]",
    "169.254.169.254",
    "0xa9fea9fe",
    "10.0.0.1",
    "0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "shop.localhost",
    "shop.localhost.",
    "[fe80::1]",
    "[fd00::1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "224.0.0.1",
    "255.255.255.255",
]


def test_what_a_host_tells_is_refused_in_the_answer_however_it_is_written(host: Host) -> None:
    fields = {"product_id": str(host.product_id), "identifier": "10", "quantity": "1"}
    host.create()
    answers = {
        name: host.ask("random-assign-license-keys-queued", webhook_url=f"http://{name}:8080/hook", **fields)
        for name in TOLD
    }
    refused = {name for name, answer in answers.items() if "lead into the site's own network" in answer["message"]}
    assert refused == set(TOLD)
    assert {answer["code"] for answer in answers.values()} == {9400}


def test_a_host_that_tells_nothing_is_left_to_its_delivery() -> None:
    for name in ("8.8.8.8", "shop.example", "notlocalhost", "localhost.example", "2606:4700::1"):
        refuse_what_a_host_tells(name, ())
    refuse_what_a_host_tells("localhost", [ipaddress.ip_network("::1")])
    with pytest.raises(WebhookRefused):
        refuse_what_a_host_tells("localhost", [ipaddress.ip_network("10.0.0.0/8")])


@pytest.mark.parametrize(
    "url",
    [
        "shop.example/hook",
        "//shop.example/hook",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "httpx://shop.example/",
        "http://",
        "http:///hook",
        "http://user@shop.example/",
        "http://user:secret@shop.example/",
        "http://:secret@shop.example/",
        "http://shop.example:0/",
        "http://shop.example:65536/",
        "http://shop.example:-1/",
        "http://shop.example:x/",
        "http://shop.example\\@10.0.0.1/",
        "http://shop.example/a b",
        "http://shop.example/\r\nX: 1",
        "http://shop.example/\x7f",
        "http://shöp.example/",
        "http://shop.example/ü",
        "http://shop%2eexample/",
        "http://[::1/",
        "http://::1/",
        "http://[shop.example]/",
        "http://[fe80::1%25eth0]/",
        "http://-shop.example/",
        "http://" + "a" * MAX_URL_LENGTH,
    ],
)
def test_what_is_no_url_to_post_to_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_webhook_url(url)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://Shop.local/?getKeyManager-webhook", "shop.local", "/?getKeyManager-webhook"),
        ("HTTP://Shop.Example", "shop.example", "/"),
        ("http://shop.example:80/a#fragment", "shop.example", "/a"),
        ("https://shop.example:80?a=/b", "shop.example:80", "/?a=/b"),
        ("http://[2606:4700::1]:8080/%20'", "[2606:4700::1]:8080", "/%20'"),
        ("http://shop_1.example.:65535/", "shop_1.example.:65535", "/"),
    ],
)  # fmt: skip
def test_a_url_is_posted_to_as_it_is_written(url: str, authority: str, target: str) -> None:
    read = read_webhook_url(url)
    assert (read.authority, read.target) == (authority, target)
    assert target not in repr(read) or target == "/"
    assert read.without_query.endswith(authority + target.partition("?")[0])


def test_the_longest_url_is_taken_and_no_longer_one() -> None:
    longest = "http://shop.example/".ljust(MAX_URL_LENGTH, "x")
    assert len(read_webhook_url(longest).target) == MAX_URL_LENGTH - len("http://shop.example")
    with pytest.raises(ValueError, match="no HTTP or HTTPS URL"):
        read_webhook_url(longest + "x")


@pytest.fixture
def connected_to(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that a socket was asked to connect to; none of them is."""
    addresses: list[Any] = []

    def connect(_: socket.socket, address: Any) -> None:
        addresses.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return addresses


def _resolving_to(*answers: list[str]) -> Callable[..., Any]:
    left = list(answers)

    def resolve(_: str, port: int, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET6, None, None, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, None, None, "", (address, port))
            for address in left.pop(0)
        ]

    return resolve


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["127.0.0.1"],
        ["::1"],
        ["fe80::1%1"],
        ["::ffff:10.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["2606:4700::1", "::1"],
    ],
)
def test_a_name_that_resolves_to_the_sites_own_network_is_not_connected_to(
    connected_to: list[Any], monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _resolving_to(addresses))
    with pytest.raises(WebhookRefused, match=r"shop\.example resolves to .*, which is in the site's own network"):
        delivery.connect(read_webhook_url("http://shop.example/"), ())
    assert connected_to == []


@pytest.mark.parametrize("name", ["localhost", "shop.localhost."])
def test_of_the_addresses_of_this_machine_those_are_connected_to_that_a_setting_names(
    connected_to: list[Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _resolving_to(["::1", "127.0.0.1"], ["::1", "127.0.0.1"]))
    url = read_webhook_url(f"http://{name}/")
    with pytest.raises(ConnectionRefusedError):
        delivery.connect(url, [ipaddress.ip_network("127.0.0.0/8")])
    with pytest.raises(WebhookRefused, match="is in the site's own network"):
        delivery.connect(url, ())
    assert connected_to == [("127.0.0.1", 80)]


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(
    connected_to: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name whose second answer is another one led past the check."""
    monkeypatch.setattr(socket, "getaddrinfo", _resolving_to(["8.8.8.8", "2606:4700::1"], ["10.0.0.1"]))
    with pytest.raises(ConnectionRefusedError):
        delivery.connect(read_webhook_url("http://shop.example:8080/"), ())
    assert connected_to == [("8.8.8.8", 8080), ("2606:4700::1", 8080, 0, 0)]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "http://localhost./", "http://2130706433/"],
)
def test_what_was_queued_before_its_network_was_forbidden_is_not_connected_to(
    connected_to: list[Any], url: str
) -> None:
    # Some resolvers do not know the names that lead here.
    with pytest.raises((WebhookRefused, socket.gaierror)):
        delivery.connect(read_webhook_url(url), ())
    assert connected_to == []


def test_a_redirect_is_not_followed(create_host: Callable[..., Host]) -> None:
    with running_receiver() as own, running_receiver() as redirecting:
        redirecting.answer = lambda _: status(307, f"Location: {own.url}")
        host = create_host(webhook_allowed_networks=["127.0.0.0/8"])
        host.create()
        fields = {"product_id": str(host.product_id), "identifier": "10", "webhook_url": redirecting.url}
        assert host.ask("random-assign-license-keys-queued", **fields)["code"] == 807
        with host.app.app_context():
            assert host.licensing.work_queue() == 1
            assert [job.outcome for job in host.licensing.list_queue()] == ["answered with status 307"]
    assert (redirecting.connections, own.connections) == (1, 0)


def test_proxies_of_the_environment_are_not_used(connected_to: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    with pytest.raises(ConnectionRefusedError):
        delivery.connect(read_webhook_url("http://8.8.8.8/"), ())
    assert connected_to == [("8.8.8.8", 80)]


def test_a_certificate_is_checked_against_the_name_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def wrap(context: ssl.SSLContext, _: socket.socket, **options: Any) -> Any:
        asked.append((context.verify_mode, context.check_hostname, options))
        raise ssl.SSLCertVerificationError

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap)
    with running_receiver() as receiver:
        url = read_webhook_url(f"https://shop.example:{receiver.port}/")
        monkeypatch.setattr(socket, "getaddrinfo", _resolving_to(["127.0.0.1"]))
        with pytest.raises(ssl.SSLCertVerificationError):
            delivery.connect(url, [ipaddress.ip_network("127.0.0.0/8")])
    assert asked == [(ssl.CERT_REQUIRED, True, {"server_hostname": "shop.example"})]
    assert receiver.received == []


def test_a_name_that_can_not_be_resolved_is_tried_again(create_host: Callable[..., Host]) -> None:
    host = create_host()
    host.create()
    name = "a" * 64 + ".example"
    fields = {"product_id": str(host.product_id), "identifier": "10", "webhook_url": f"http://{name}/"}
    assert host.ask("random-assign-license-keys-queued", **fields)["code"] == 807
    with host.app.app_context():
        assert host.licensing.work_queue() == 1
        (job,) = host.licensing.list_queue()
    assert (job.status, job.failures) == ("waiting", 1)
