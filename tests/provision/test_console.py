"""Host keys on consoles, tidy and hostile."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_public_key,
)
from hypothesis import example, given
from hypothesis import strategies as st

from provision.clouds.console import host_keys_in

BEGIN = "-----BEGIN SSH HOST KEY KEYS-----"
END = "-----END SSH HOST KEY KEYS-----"


def public(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


ED25519 = public(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = public(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))
ECDSA = public(ec.derive_private_key(7, ec.SECP256R1()))
RSA = public(rsa.generate_private_key(public_exponent=65537, key_size=2048))
BODY = ED25519.split()[1]


def console(*lines: str, end: str = "\n") -> str:
    return end.join((BEGIN, *lines, END, ""))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (console(f"{ECDSA} root@ip", f"{ED25519} root@ip", RSA), (ECDSA, ED25519, RSA)),
        (console(f"{ED25519} root@ip", end="\r\n"), (ED25519,)),
        (console(f"ci-info: {ED25519} root@ip"), (ED25519,)),
        (console(f"[   27.345678] cloud-init[1234]: {ED25519} root@ip"), (ED25519,)),
        (console(f"<14>Nov 12 10:10:10 ec2: \x1b[0;32m{ED25519}\x1b[0m root@ip"), (ED25519,)),
        (console("[  OK  ] Started it.", ED25519, "", "ci-info: no more", ED25519), (ED25519,)),
        (console(OTHER) + "reboot\n" + console(ED25519), (ED25519,)),
        (f"{OTHER}\n{END}\n{console(ED25519)}", (ED25519,)),
        (f"{console(ED25519)}{BEGIN}\n{OTHER}\n", (ED25519,)),
        (f"{BEGIN}\n{OTHER}\n[ 1.0] reset\n{console(ED25519)}", (ED25519,)),
        (f"{console(ED25519)}{OTHER}\n{END}\n", (ED25519,)),
    ],
)
def test_keys_come_from_the_last_complete_block(text: str, keys: tuple[str, ...]) -> None:
    assert host_keys_in(text) == keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        ED25519,
        f"{BEGIN}\n{ED25519}\n",
        f"{END}\n{ED25519}\n{BEGIN}",
        console(f"ssh-rsa {BODY}"),
        console(f"ssh-ed25519 {BODY[:-4]}"),
        console(f"ssh-ed25519 {BODY[:20]}[ 3.0] usb 1-1: {BODY[20:]}"),
        console(f"ssh-ed25519 {BODY}AAAA"),
        console(f"ssh-ed25519 {BODY}="),
        console(f"xssh-ed25519 {BODY}"),
        console(f"ssh-ed25519-cert-v01@openssh.com {BODY}"),
        console("ssh-ed25519 " + base64.b64encode(b"\xff\xff\xff\xff").decode()),
        console("ecdsa-sha2-nistp384 " + ECDSA.split()[1]),
    ],
)
def test_what_is_broken_is_no_key(text: str) -> None:
    assert host_keys_in(text) == ()


def test_a_block_without_a_whole_key_hides_the_keys_before_it() -> None:
    assert host_keys_in(console(ED25519) + console(f"ssh-ed25519 {BODY[:-8]}")) == ()


_PIECES = st.one_of(
    st.sampled_from([BEGIN, END, ED25519, ECDSA, RSA, "\n", "\r", " ", "\x1b[0m", "\0", "=", "é"]),
    st.builds(lambda body: f"ssh-ed25519 {body}", st.text("AQz+/=", max_size=8)),
    st.builds(
        lambda blob: f"ecdsa-sha2-nistp256 {base64.b64encode(blob).decode()}", st.binary(max_size=9)
    ),
    st.builds(lambda at: ED25519[:at], st.integers(0, len(ED25519))),
    st.text(max_size=5),
)


@given(st.lists(_PIECES, max_size=12).map("".join), st.booleans())
@example(BODY, True)
def test_no_console_gives_a_malformed_key(text: str, framed: bool) -> None:
    for key in host_keys_in(console(text) if framed else text):
        load_ssh_public_key(key.encode())
        assert len(key.split(" ")) == 2
