"""Links, entries, requests and pairings: what may be taken, and how each is made."""
import base64
import hashlib
import re

from attune.v1 import devices_pb2 as devices
from attune.v1 import entries_pb2 as entries
from primitives import (
    Refused, blake2b, cpace_confirmation, cpace_generator, cpace_key, cpace_product, concatenated, open_envelope,
    padme, require, seal, signing_key, sign, subkey, tls_key_hash, u32, unseal, verify, xwing_public,
)
import ristretto

ZEROS = bytes(32)


def parse(message, data, code):
    """A message that has exactly one encoding."""
    try:
        parsed = message.FromString(data)
    except Exception:
        raise Refused(code) from None
    parsed.DiscardUnknownFields()
    require(parsed.SerializeToString(deterministic=True) == data, code)
    return parsed


def ascending(items):
    return all(a < b for a, b in zip(items, items[1:]))


class Device:
    """The secret keys of a device."""

    def __init__(self, signing_seed, sealing_seed, tls_key=b""):
        self.signing_seed, self.sealing_seed = signing_seed, sealing_seed
        self.record = devices.DeviceRecord(
            signing_key=signing_key(signing_seed), sealing_key=xwing_public(sealing_seed),
            tls_key_hash=tls_key_hash(tls_key) if tls_key else b"", paper=not tls_key)
        self.id = device_id(self.record)

    @classmethod
    def paper(cls, entropy):
        return cls(subkey(entropy, 2, b"ATrecvry"), subkey(entropy, 3, b"ATrecvry"))

    def sign(self, message):
        return sign(self.signing_seed, message)


def device_id(record):
    return blake2b(record.signing_key + record.sealing_key, b"AT-device-id", 16)


def link_hash(body):
    return blake2b(body, b"AT-devlink")


def epoch_info(circle, epoch, device=b""):
    return b"attune/v1/epoch\0" + circle + u32(epoch) + device


def join_text(circle, device, previous):
    return b"attune/v1/join!\0" + circle + device + previous


def revoke_text(previous, ids):
    return b"attune/v1/revoke\0" + previous + b"".join(ids)


class Chain:
    """The devices of a circle as its links tell."""

    def __init__(self, links=()):
        self.circle, self.head, self.seq, self.epoch = None, ZEROS, 0, 0
        self.records, self.active, self.cut_off, self.names = {}, set(), {}, {}
        self.envelopes, self.sealed_previous, self.keys = {}, {}, set()
        self.accounts, self.shares = {}, {}
        for link in links:
            self.append(link)

    def append(self, data):
        require(len(data) <= 128 << 10, "E-WIRE-003")
        signed = parse(devices.SignedLink, data, "E-WIRE-001")
        body = parse(devices.LinkBody, signed.body, "E-WIRE-001")
        kind = body.WhichOneof("payload")
        require(body.version == (2 if kind == "replace_words" else 1) and body.suite == 2, "E-WIRE-004")
        self._shape(signed, body, kind)
        digest = link_hash(signed.body)
        text = b"attune/v1/dlink\0" + digest
        require(body.seq == self.seq + 1 and body.previous == self.head and body.epoch == self.epoch, "E-WIRE-006")
        require((kind == "genesis") == (body.seq == 1), "E-WIRE-006")
        if kind == "genesis":
            genesis = body.genesis
            require(body.signer == device_id(genesis.device) and not genesis.device.paper, "E-WIRE-007")
            verify(genesis.device.signing_key, signed.signature, text, "E-WIRE-005")
            self.circle = digest
            self._enter(genesis.device, genesis.sealed_name, 1, None, 1)
            if genesis.HasField("paper"):
                require(genesis.paper.paper, "E-WIRE-007")
                self._enter(genesis.paper, b"", 1, None, 1)
            self._start(genesis.epoch_keys)
        else:
            require(body.signer in self.active, "E-WIRE-007")
            verify(self.records[body.signer].signing_key, signed.signature, text, "E-WIRE-005")
            self._take_place(body.seq, kind, body.signer)
            if kind == "add":
                self._consent(body.add.device, body.add.counter_signature)
                self._enter(body.add.device, body.add.sealed_name, self.epoch, body.signer, body.seq)
            elif kind == "rename":
                require(body.rename.device in self.active, "E-WIRE-007")
                if body.rename.device == body.signer:
                    self.names[body.rename.device] = body.rename.sealed_name, self.epoch
            elif kind == "replace_words":
                replace, old = body.replace_words, [item for item in self.active if self.records[item].paper]
                require(old and body.signer not in old, "E-WIRE-007")
                self._second(replace, body.signer, old)
                self.active -= set(old)
                self._consent(replace.paper, replace.counter_signature)
                self._enter(replace.paper, b"", self.epoch, body.signer, body.seq)
                self._start(replace.epoch_keys)
            elif kind == "epoch_keys":
                self._start(body.epoch_keys)
            else:
                self._revoke(body.revoke, body.signer)
                self._start(body.revoke.epoch_keys)
        self.head, self.seq = digest, body.seq

    @staticmethod
    def _shape(signed, body, kind):
        def good(condition):
            require(condition, "E-WIRE-001")

        def record(value):
            good(len(value.signing_key) == 32 and len(value.sealing_key) == 1216)
            good(len(value.tls_key_hash) == (0 if value.paper else 32))

        def keys(value):
            good(1 <= value.epoch <= 20736 and 1 <= len(value.envelopes) <= 65)
            good(len(value.sealed_previous) == (0 if value.epoch == 1 else 72))
            good(all(len(item.device) == 16 and len(item.sealed) == 1168 for item in value.envelopes))
            good(ascending([item.device for item in value.envelopes]))

        good(len(signed.signature) == 64 and len(body.previous) == 32 and len(body.signer) == 16)
        good(1 <= body.seq <= 20736 and body.epoch < body.seq and kind is not None)
        if kind == "genesis":
            good(body.genesis.HasField("device") and body.genesis.HasField("epoch_keys"))
            record(body.genesis.device)
            if body.genesis.HasField("paper"):
                record(body.genesis.paper)
            keys(body.genesis.epoch_keys)
            good(len(body.genesis.sealed_name) == 104)
        elif kind == "add":
            good(len(body.add.counter_signature) == 64 and len(body.add.sealed_name) == 104)
            record(body.add.device)
        elif kind == "revoke":
            ids = [item.device for item in body.revoke.revocations]
            good(1 <= len(ids) <= 65 and ascending(ids) and all(len(item) == 16 for item in ids))
            good(all(len(item.last_entry) == (32 if item.last_seq else 0) for item in body.revoke.revocations))
            good((len(body.revoke.second_signer), len(body.revoke.second_signature)) in [(0, 0), (16, 64)])
            keys(body.revoke.epoch_keys)
        elif kind == "epoch_keys":
            keys(body.epoch_keys)
        elif kind == "replace_words":
            replace = body.replace_words
            good(replace.HasField("paper") and replace.paper.paper and replace.HasField("epoch_keys"))
            good(len(replace.counter_signature) == 64)
            good((len(replace.second_signer), len(replace.second_signature)) == (16, 64))
            record(replace.paper)
            keys(replace.epoch_keys)
        else:
            good(len(body.rename.device) == 16 and len(body.rename.sealed_name) == 104)

    def _take_place(self, seq, kind, signer):
        """The first 3968 places are for all; each device that was there then has 128 more, and revocations any."""
        if seq > 3968 and kind != "revoke":
            account = self.accounts[signer]
            self.shares[account] = self.shares.get(account, 0) + 1
            require(self.shares[account] <= 128, "E-WIRE-007")

    def _consent(self, record, signature):
        verify(record.signing_key, signature, join_text(self.circle, device_id(record), self.head), "E-WIRE-005")

    def _second(self, link, signer, ids):
        second = link.second_signer
        require(second in self.active and second != signer, "E-WIRE-007")
        verify(self.records[second].signing_key, link.second_signature, revoke_text(self.head, ids), "E-WIRE-005")

    def _enter(self, record, name, epoch, sponsor, seq):
        for key in filter(None, (record.signing_key, record.sealing_key, record.tls_key_hash)):
            require(key not in self.keys, "E-WIRE-007")
            self.keys.add(key)
        others = [item for item in self.active if self.records[item].paper == record.paper]
        require(len(others) < (1 if record.paper else 64), "E-WIRE-007")
        number = device_id(record)
        self.records[number], self.names[number] = record, (name, epoch)
        self.accounts[number] = self.accounts[sponsor] if seq > 3968 else number
        self.active.add(number)

    def _start(self, keys):
        require(keys.epoch == self.epoch + 1, "E-WIRE-007")
        require([item.device for item in keys.envelopes] == sorted(self.active), "E-WIRE-007")
        self.epoch = keys.epoch
        self.envelopes = {item.device: item.sealed for item in keys.envelopes}
        self.sealed_previous[self.epoch] = keys.sealed_previous

    def _revoke(self, revoke, signer):
        ids = [item.device for item in revoke.revocations]
        require(all(item in self.active for item in ids) and signer not in ids, "E-WIRE-007")
        staying = [item for item in self.active - set(ids) if not self.records[item].paper]
        if len(ids) > 1 or not [item for item in staying if item != signer] or any(self.records[i].paper for i in ids):
            require(revoke.second_signer not in ids, "E-WIRE-007")
            self._second(revoke, signer, ids)
        else:
            require(not revoke.second_signer, "E-WIRE-007")
        require(staying, "E-WIRE-007")
        self.active -= set(ids)
        for item in revoke.revocations:
            self.cut_off[item.device] = item.last_seq, item.last_entry

    def epoch_keys(self, device):
        """Every epoch's key, by number, as `device` gets them."""
        circle = ZEROS if self.epoch == 1 else self.circle
        key = open_envelope(
            self.envelopes[device.id], device.sealing_seed, epoch_info(circle, self.epoch, device.id))
        keys = {self.epoch: key}
        for epoch in range(self.epoch, 1, -1):
            key = unseal(
                subkey(key, 1, b"ATepoch_"), self.sealed_previous[epoch], epoch_info(self.circle, epoch), "E-KEY-043")
            keys[epoch - 1] = key
        return keys

    def name(self, device, keys):
        sealed, epoch = self.names[device]
        padded = unseal(subkey(keys[epoch], 1, b"ATdvname"), sealed, b"attune/v1/dname\0" + device, "E-KEY-043")
        return padded.rstrip(b"\0").decode()

    def open_entry(self, data, keys):
        """(hash, device, payload) of an entry that the circle takes."""
        require(len(data) <= (1 << 20) - 1024, "E-WIRE-003")
        signed = parse(entries.SignedEntry, data, "E-WIRE-002")
        header = parse(entries.EntryHeader, signed.header, "E-WIRE-002")
        require(header.version == 1, "E-WIRE-004")
        lists = [list(header.parents), list(header.released), [seen.device for seen in header.frontier]]
        require(all(map(ascending, lists)) and len(signed.signature) == 64, "E-WIRE-002")
        require(header.seq >= 1 and header.lamport >= header.seq, "E-WIRE-002")
        require((header.previous == ZEROS) == (header.seq == 1), "E-WIRE-002")
        digest = blake2b(u32(len(signed.header)) + signed.header + signed.sealed, b"AT-entry-hash")
        require(header.circle == self.circle, "E-WIRE-011")
        require(header.device in self.records and not self.records[header.device].paper, "E-WIRE-008")
        if header.device in self.cut_off:
            seq, last = self.cut_off[header.device]
            require(header.seq < seq or (header.seq == seq and digest == last), "E-WIRE-009")
        require(1 <= header.epoch <= self.epoch, "E-WIRE-010")
        key = self.records[header.device].signing_key
        verify(key, signed.signature, b"attune/v1/esig\0\0" + digest, "E-WIRE-005")
        padded = unseal(
            subkey(keys[header.epoch], 1, b"ATentry_"), signed.sealed, b"attune/v1/entry\0" + signed.header,
            "E-KEY-043")
        count = int.from_bytes(padded[:4], "big")
        require(len(padded) == padme(max(256, count + 4)) and not any(padded[4 + count:]), "E-KEY-043")
        return digest, header.device, padded[4:4 + count]


def make_entry(device, header, payload, key, nonce):
    encoded = header.SerializeToString(deterministic=True)
    text = u32(len(payload)) + payload
    text = text.ljust(padme(max(256, len(text))), b"\0")
    sealed = seal(subkey(key, 1, b"ATentry_"), text, b"attune/v1/entry\0" + encoded, nonce)
    digest = blake2b(u32(len(encoded)) + encoded + sealed, b"AT-entry-hash")
    signature = device.sign(b"attune/v1/esig\0\0" + digest)
    signed = entries.SignedEntry(header=encoded, sealed=sealed, signature=signature)
    return signed.SerializeToString(deterministic=True), digest


# Requests (RFC 9421, RFC 9530).

COMPONENTS = '("@method" "@authority" "@path" "@query" "content-digest")'
PARAMETERS = re.compile(
    re.escape(COMPONENTS) + r';created=(\d+);nonce="([A-Za-z0-9_-]{22})";keyid="([0-9a-f]{32})";alg="ed25519"'
    r';tag="attune-v1"')


def request_base(request, digest, parameters):
    return "\n".join([
        f'"@method": {request["method"]}', f'"@authority": {request["authority"]}', f'"@path": {request["path"]}',
        f'"@query": ?{request.get("query") or ""}', f'"content-digest": {digest}',
        f'"@signature-params": {parameters}',
    ]).encode()


def content_digest(body):
    return f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:"


def sign_request(device, request):
    nonce = base64.urlsafe_b64encode(bytes.fromhex(request["nonce"])).decode().rstrip("=")
    parameters = (
        f'{COMPONENTS};created={request["created"]};nonce="{nonce}";keyid="{device.id.hex()}";alg="ed25519"'
        ';tag="attune-v1"')
    digest = content_digest(bytes.fromhex(request["body"]))
    signature = base64.b64encode(device.sign(request_base(request, digest, parameters))).decode()
    fields = {"contentDigest": digest, "signatureInput": f"attune={parameters}", "signature": f"attune=:{signature}:"}
    return {**request, **fields}


def verify_request(request, key):
    parameters = request["signatureInput"].removeprefix("attune=")
    require(PARAMETERS.fullmatch(parameters), "E-WIRE-020")
    signature = base64.b64decode(request["signature"][len("attune=:"):-1])
    verify(key, signature, request_base(request, request["contentDigest"], parameters), "E-WIRE-022")
    require(request["contentDigest"] == content_digest(bytes.fromhex(request["body"])), "E-WIRE-021")


# Pairing.


class Pairing:
    """What both sides of a pairing come to, from their secrets."""

    def __init__(self, given, words):
        raw = {name: bytes.fromhex(given[name]) for name in (
            "oldNonce", "newNonce", "oldScalar", "newScalar", "oldRecord", "newRecord")}
        nameplate, *secret = given["code"].split("-")
        context = concatenated(
            b"attune/pair/v1", given["authority"].encode(), nameplate.encode(), b"old-device", b"new-device")
        session = raw["oldNonce"] + raw["newNonce"]
        generator = cpace_generator("-".join(secret).encode(), context, session)[1]

        def side(role, scalar, record):
            point = ristretto.multiply(int.from_bytes(scalar, "little"), generator)
            return ristretto.encode(point), blake2b(bytes([role]) + record)

        old, new = side(1, raw["oldScalar"], raw["oldRecord"]), side(2, raw["newScalar"], raw["newRecord"])
        secret = cpace_product(raw["oldScalar"], new[0])
        assert secret == cpace_product(raw["newScalar"], old[0])
        key = cpace_key(session, secret, old, new)
        self.shares = old[0], new[0]
        self.confirmations = cpace_confirmation(session, key, old), cpace_confirmation(session, key, new)
        root = blake2b(key)
        self.keys = {"new": subkey(root, 1, b"ATpairng"), "old": subkey(root, 2, b"ATpairng")}
        self.check_words = " ".join(words[byte] for byte in subkey(root, 3, b"ATpairng")[:3])

    @staticmethod
    def data(phase):
        return b"attune/v1/pairing\0" + bytes([phase])

    def fields(self):
        names = "oldShare", "newShare", "oldConfirmation", "newConfirmation"
        values = {name: value.hex() for name, value in zip(names, self.shares + self.confirmations)}
        return {**values, "checkWords": self.check_words}


def safety_number(circles):
    digest = blake2b(b"".join(sorted(map(bytes.fromhex, circles))), b"AT-safety", 64)
    groups = (int.from_bytes(digest[at:at + 5], "big") % 100_000 for at in range(0, 60, 5))
    return " ".join(f"{group:05}" for group in groups)


# Chunks.


def chunks(blob_key, blob_id, content, earlier=False):
    """The sealed chunks of a blob; as they were earlier, when the last one was as long as the others, too."""
    payload = (1 << 20) - 40
    padded = padme(len(content))
    count = max(1, -(-padded // payload))
    nonce_key = subkey(blob_key, 2, b"ATchunkn")
    for index in range(count):
        size = payload
        if index == count - 1 and not earlier:
            size = -(-(padded - index * payload + 40) // 4096) * 4096 - 40
        text = content[index * payload:(index + 1) * payload].ljust(size, b"\0")
        hashed = u32(index) + blake2b(text)
        nonce = hashlib.blake2b(hashed, digest_size=24, key=nonce_key).digest()
        yield seal(blob_key, text, b"ATCK\x01" + blob_id + u32(index) + u32(count), nonce)
