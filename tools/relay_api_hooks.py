"""Signs the requests that Schemathesis makes, as a device of a circle at the relay would (RFC 9421, RFC 9530)."""

import base64
import hashlib
import itertools
import os
import time
import urllib.parse
import urllib.request

import requests
import schemathesis
from nacl.signing import SigningKey
from requests.auth import AuthBase

RELAY = os.environ["ATTUNE_RELAY"]


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, value):
    """One protobuf field; an empty or zero one is left out."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value) if value else b""
    return varint(number << 3 | 2) + varint(len(value)) + value if value else b""


def blake2b(data, size, personal):
    return hashlib.blake2b(data, digest_size=size, person=personal.encode().ljust(16, b"\0")).digest()


class Device:
    def __init__(self, paper=False):
        self.key = SigningKey.generate()
        signing, sealing = self.key.verify_key.encode(), os.urandom(1216)
        self.id = blake2b(signing + sealing, 16, "AT-device-id")
        self.record = field(1, signing) + field(2, sealing) + field(3, b"" if paper else os.urandom(32)) + field(4, int(paper))


def genesis(device, paper):
    """A serialised SignedLink and the circle's id."""
    envelopes = b"".join(
        field(2, field(1, name) + field(2, os.urandom(1168))) for name in sorted([device.id, paper.id])
    )
    payload = field(1, device.record) + field(2, paper.record) + field(3, field(1, 1) + envelopes) + field(4, os.urandom(104))
    body = field(1, 1) + field(2, 2) + field(3, 1) + field(4, bytes(32)) + field(5, device.id) + field(10, payload)
    circle = blake2b(body, 32, "AT-devlink")
    return field(1, body) + field(2, device.key.sign(b"attune/v1/dlink\0" + circle).signature), circle


class Signed(AuthBase):
    def __init__(self, device):
        self.device = device

    def __call__(self, request):
        body = request.body or b""
        if not isinstance(body, (bytes, str)):
            return request
        body = body.encode() if isinstance(body, str) else body
        url = urllib.parse.urlsplit(request.url)
        digest = "sha-512=:" + base64.b64encode(hashlib.sha512(body).digest()).decode() + ":"
        nonce = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        parameters = (
            '("@method" "@authority" "@path" "@query" "content-digest")'
            f';created={int(time.time())};nonce="{nonce}";keyid="{self.device.id.hex()}";alg="ed25519";tag="attune-v1"'
        )
        base = "\n".join([
            f'"@method": {request.method}', f'"@authority": {url.netloc.lower()}', f'"@path": {url.path}',
            f'"@query": ?{url.query}', f'"content-digest": {digest}', f'"@signature-params": {parameters}',
        ])
        signature = base64.b64encode(self.device.key.sign(base.encode()).signature).decode()
        request.headers.update({
            "Content-Digest": digest, "Signature-Input": f"attune={parameters}", "Signature": f"attune=:{signature}:",
        })
        return request


DEVICE, PAPER, CHUNK = Device(), Device(paper=True), os.urandom(1 << 20)
CHUNK_ID = blake2b(CHUNK, 32, "")
LOG = [bytes(32)]


def open_circle():
    link, circle = genesis(DEVICE, PAPER)
    answer = requests.post(
        RELAY + "/v1/circles", data=field(1, link), headers={"Content-Type": "application/protobuf"},
        auth=Signed(DEVICE), timeout=30,
    )
    assert answer.status_code == 201, answer.text
    return link, circle


LINK, CIRCLE = open_circle()


def open_mailbox():
    answer = requests.post(RELAY + "/v1/rendezvous", headers={"Accept": "application/json"}, timeout=30)
    return answer.json().get("nameplate", "1")


def entries(kind, lists):
    """Entries with one more of the device's log."""
    header = b"".join(
        field(number, value)
        for number, value in enumerate([1, kind, CIRCLE, DEVICE.id, len(LOG), LOG[-1], 1, len(LOG)], start=1)
    ) + lists
    sealed = os.urandom(296)
    LOG.append(blake2b(len(header).to_bytes(4, "big") + header + sealed, 32, "AT-entry-hash"))
    signature = DEVICE.key.sign(b"attune/v1/esig\0\0" + LOG[-1]).signature
    return field(1, field(1, header) + field(2, sealed) + field(3, signature))


BODIES = {
    "/circles": lambda: field(1, genesis(DEVICE, PAPER)[0]),
    "/links": lambda: field(1, LINK),
    "/entries": lambda: entries(1, field(11, CHUNK_ID)),
    "/release": lambda: entries(2, field(12, LOG[1])) if len(LOG) > 1 else b"",
}


def make_valid(case):
    """Makes a call one that the relay takes."""
    name, method = case.path[case.path.rindex("/"):], case.method.upper()
    if "nameplate" in case.path_parameters:
        case.path_parameters["nameplate"] = open_mailbox()
    if "chunk" in case.path_parameters:
        case.path_parameters["chunk"] = CHUNK_ID.hex()
        if method == "PUT":
            case.body = CHUNK
    if method == "POST" and name in BODIES:
        case.body, case.media_type = BODIES[name](), "application/protobuf"
        case.headers["If-Match"] = CIRCLE.hex()


@schemathesis.serializer("application/protobuf")
def serialize(context, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


CALLS = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Names the circle that is there, makes every third call a valid one, waits for nothing, and signs."""
    case.path_parameters = case.path_parameters or {}
    if len(case.path_parameters.get("circle", "")) == 64:
        case.path_parameters["circle"] = (open_circle()[1] if case.method.upper() == "DELETE" else CIRCLE).hex()
    if next(CALLS) % 3 == 0:
        make_valid(case)
    if case.path.endswith("/events") or case.path.endswith("/{side}") and case.method.upper() == "GET":
        case.query = {**(case.query or {}), "wait": 0}
    kwargs["auth"] = Signed(DEVICE)
