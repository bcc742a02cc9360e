"""Vectors for Swift to check; the same on every run."""
import hashlib

from attune.v1 import devices_pb2 as devices
from attune.v1 import entries_pb2 as entries
from primitives import blake2b, envelope, seal, subkey
from wire import (
    Chain, Device, Pairing, ZEROS, chunks, epoch_info, join_text, link_hash, make_entry, revoke_text, safety_number,
    sign_request,
)


class Source:
    """Bytes that look random and are the same on every run."""

    def __init__(self, name):
        self.name, self.count = name, 0

    def take(self, size):
        self.count += 1
        return hashlib.shake_256(f"{self.name} {self.count}".encode()).digest(size)


def device(name, source):
    seeds = [source.take(32) for _ in range(3)]
    keys = Device(*seeds)
    names = "signingSeed", "sealingSeed", "tlsKey"
    return keys, {"name": name, "id": keys.id.hex(), **{key: seed.hex() for key, seed in zip(names, seeds)}}


class Circle:
    def __init__(self, source):
        self.source, self.chain, self.links, self.keys, self.refused = source, Chain(), [], [], []

    def body(self, signer, **payload):
        chain = self.chain
        return devices.LinkBody(
            version=2 if "replace_words" in payload else 1, suite=2, seq=chain.seq + 1, previous=chain.head, signer=signer.id, epoch=chain.epoch, **payload)

    @staticmethod
    def signed(signer, body):
        encoded = body.SerializeToString(deterministic=True)
        signature = signer.sign(b"attune/v1/dlink\0" + link_hash(encoded))
        return devices.SignedLink(body=encoded, signature=signature).SerializeToString(deterministic=True)

    def append(self, signer, **payload):
        link = self.signed(signer, self.body(signer, **payload))
        self.chain.append(link)
        self.links.append(link)

    def refuse(self, code, signer, body):
        self.refused.append({"after": len(self.links), "bytes": self.signed(signer, body).hex(), "code": code})

    def name(self, text, identity, key=None):
        padded = text.encode().ljust(64, b"\0")
        name_key = subkey(key or self.keys[-1], 1, b"ATdvname")
        return seal(name_key, padded, b"attune/v1/dname\0" + identity, self.source.take(24))

    def epoch(self, records):
        """The keys of the next epoch for the devices of `records`."""
        key, number = self.source.take(32), self.chain.epoch + 1
        circle = self.chain.circle or ZEROS
        result = devices.EpochKeys(epoch=number)
        for identity, record in sorted(records.items()):
            sealed = envelope(key, record.sealing_key, epoch_info(circle, number, identity), self.source.take(64))
            result.envelopes.add(device=identity, sealed=sealed)
        if number > 1:
            previous_key = subkey(key, 1, b"ATepoch_")
            result.sealed_previous = seal(previous_key, self.keys[-1], epoch_info(circle, number), self.source.take(24))
        self.keys.append(key)
        return result

    def active(self, *without):
        return {key: self.chain.records[key] for key in self.chain.active if key not in without}


def circle():
    source = Source("attune circle")
    made = [device(name, source) for name in ("desk", "notebook", "lost phone")]
    (first, second, third), entropy = [keys for keys, _ in made], source.take(32)
    paper = Device.paper(entropy)
    built = Circle(source)
    keys = built.epoch({first.id: first.record, paper.id: paper.record})
    built.append(first, genesis=devices.Genesis(
        device=first.record, paper=paper.record, epoch_keys=keys, sealed_name=built.name("desk", first.id)))
    for (new, vector) in made[1:]:
        join = new.sign(join_text(built.chain.circle, new.id, built.chain.head))
        wrong = devices.AddDevice(
            device=new.record, counter_signature=new.sign(b"other"), sealed_name=built.name(vector["name"], new.id))
        built.refuse("E-WIRE-005", first, built.body(first, add=wrong))
        built.append(first, add=devices.AddDevice(
            device=new.record, counter_signature=join, sealed_name=built.name(vector["name"], new.id)))
        built.append(paper, epoch_keys=built.epoch(built.active()))
    for change, code in [({"version": 2}, "E-WIRE-004"), ({"seq": 9}, "E-WIRE-006"), ({"epoch": 1}, "E-WIRE-006")]:
        rename = devices.RenameDevice(device=second.id, sealed_name=built.name("x", second.id))
        body = built.body(first, rename=rename)
        for field, value in change.items():
            setattr(body, field, value)
        built.refuse(code, first, body)
    # Both others at once without a second signature; one that revokes itself; a key twice.
    both = sorted([second.id, third.id])
    saved = list(built.keys)
    alone = built.epoch(built.active(*both))
    revocations = [devices.Revocation(device=item) for item in both]
    built.refuse("E-WIRE-007", first, built.body(first, revoke=devices.RevokeDevices(
        revocations=revocations, epoch_keys=alone)))
    built.refuse("E-WIRE-005", first, built.body(first, revoke=devices.RevokeDevices(
        revocations=revocations, epoch_keys=alone, second_signer=paper.id,
        second_signature=paper.sign(revoke_text(ZEROS, both)))))
    built.refuse("E-WIRE-007", third, built.body(third, revoke=devices.RevokeDevices(
        revocations=[devices.Revocation(device=third.id)], epoch_keys=alone)))
    again = join_text(built.chain.circle, second.id, built.chain.head)
    built.refuse("E-WIRE-007", first, built.body(first, add=devices.AddDevice(
        device=second.record, counter_signature=second.sign(again), sealed_name=built.name("x", second.id))))
    built.keys = saved
    chain = built.chain
    header = dict(version=1, kind=entries.ENTRY_KIND_CHANGE, circle=chain.circle, epoch=chain.epoch)
    payload = entries.EntryPayload(
        change=entries.AdapterChange(adapter=bytes([9] * 16), name="Tagebuch")).SerializeToString(deterministic=True)
    log = []

    def write(author, seq, previous, epoch, code=None, content=payload, **changes):
        values = {**header, "device": author.id, "seq": seq, "previous": previous, "epoch": epoch, "lamport": seq + 5}
        encoded = entries.EntryHeader(**{**values, **changes})
        data, digest = make_entry(author, encoded, content, built.keys[min(epoch, len(built.keys)) - 1], source.take(24))
        log.append((data, digest, author, content, code))
        return digest

    last = write(third, 1, ZEROS, 2)
    for signer, text in [(first, "Schreibtisch"), (second, "not its own word")]:
        name = built.name(text, first.id)
        built.append(signer, rename=devices.RenameDevice(device=first.id, sealed_name=name))
    # Another device stays beside the signer, so one signature is enough.
    built.append(first, revoke=devices.RevokeDevices(
        revocations=[devices.Revocation(device=third.id, last_seq=1, last_entry=last)],
        epoch_keys=built.epoch(built.active(third.id))))
    # A second device agrees that the recovery words end; one that signs for itself alone does not.
    former, entropy = entropy, source.take(32)
    fresh = Device.paper(entropy)
    replace = devices.ReplaceWords(
        paper=fresh.record, counter_signature=fresh.sign(join_text(built.chain.circle, fresh.id, built.chain.head)),
        epoch_keys=built.epoch({**built.active(paper.id), fresh.id: fresh.record}), second_signer=second.id,
        second_signature=second.sign(revoke_text(built.chain.head, [paper.id])))
    built.refuse("E-WIRE-007", second, built.body(second, replace_words=replace))
    built.refuse("E-WIRE-007", paper, built.body(paper, replace_words=replace))
    for field, value, code in [
            ("second_signature", second.sign(revoke_text(ZEROS, [paper.id])), "E-WIRE-005"),
            ("counter_signature", fresh.sign(b"other"), "E-WIRE-005"), ("second_signer", b"", "E-WIRE-001")]:
        wrong = devices.ReplaceWords()
        wrong.CopyFrom(replace)
        setattr(wrong, field, value)
        built.refuse(code, first, built.body(first, replace_words=wrong))
    built.append(first, replace_words=replace)
    built.refuse("E-WIRE-007", paper, built.body(paper, epoch_keys=replace.epoch_keys))
    write(third, 2, last, 3, code="E-WIRE-009")
    version = entries.EntryPayload(version=entries.AdapterVersion(
        adapter=bytes([9] * 16), name="diary", base=bytes([1] * 32), version=bytes([2] * 32), manifest="{}", number=1,
        blob=entries.Blob(
            id=bytes([3] * 16), key=bytes([4] * 32), size=5000, encoded_size=4000, digest=bytes([5] * 32), codec=1),
        created=1, loss_after=2.0)).SerializeToString(deterministic=True)
    seen = entries.Seen(device=third.id, seq=1, entry=last)
    one = write(
        first, 1, ZEROS, 4, content=version, kind=entries.ENTRY_KIND_VERSION, chunks=[bytes([6] * 32)],
        parents=[last], frontier=[seen])
    write(first, 2, one, 4)
    write(second, 1, ZEROS, 1)
    write(second, 2, one, 4, code="E-WIRE-002", frontier=[seen, seen])
    write(second, 0, one, 4, code="E-WIRE-002")
    write(paper, 1, ZEROS, 4, code="E-WIRE-008")
    write(first, 3, one, 4, code="E-WIRE-011", circle=bytes([7] * 32))
    write(first, 3, one, 6, code="E-WIRE-010")
    links = [link.hex() for link in built.links]
    epochs = [key.hex() for key in built.keys]
    names = {first.id.hex(): "Schreibtisch", second.id.hex(): "notebook"}
    link_vectors = {
        "devices": [vector for _, vector in made], "recovery": entropy.hex(),
        "formerRecovery": former.hex(), "paper": fresh.id.hex(),
        "circle": chain.circle.hex(), "head": chain.head.hex(), "epochs": epochs, "links": links, "names": names,
        "refused": built.refused}
    good = [item for item in log if item[4] is None]
    entry_vectors = {
        "links": links, "epochs": epochs,
        "entries": [
            {"bytes": data.hex(), "hash": digest.hex(), "device": author.id.hex(), "payload": content.hex()}
            for data, digest, author, content, _ in good],
        "refused": [
            {"after": len(links), "bytes": data.hex(), "code": code} for data, _, _, _, code in log if code]}
    return link_vectors, entry_vectors


def requests():
    source = Source("attune requests")
    keys, vector = device("desk", source)
    made = []
    for method, path, query, body in [
        ("GET", "/v1/circles/abc/frontier", None, b""), ("GET", "/v1/circles/abc/links", "after=12", b""),
        ("POST", "/v1/circles/abc/entries", None, source.take(3000)), ("DELETE", "/v1/circles/abc", "really=yes", b"x"),
    ]:
        request = {
            "method": method, "authority": "sync.example", "path": path, "body": body.hex(), "created": 1_800_000_000,
            "nonce": source.take(16).hex()}
        if query is not None:
            request["query"] = query
        made.append(sign_request(keys, request))
    good = made[2]
    made.append({**good, "path": "/v1/circles/abd/entries", "code": "E-WIRE-022"})
    made.append({**good, "body": "", "code": "E-WIRE-021"})
    made.append({**good, "signatureInput": good["signatureInput"].replace("attune-v1", "other"), "code": "E-WIRE-020"})
    made.append({**good, "signature": made[1]["signature"], "code": "E-WIRE-022"})
    return {
        "signingSeed": vector["signingSeed"], "sealingSeed": vector["sealingSeed"], "device": vector["id"],
        "requests": made}


def pairing(words):
    source = Source("attune pairing")
    records = [device(name, source)[0].record.SerializeToString(deterministic=True) for name in ("desk", "notebook")]
    scalars = [bytes(31) + b"\x0f", source.take(31) + b"\x01"]
    given = {
        "code": "42-walnut-comet-zebra", "authority": "lan", "oldNonce": source.take(16).hex(),
        "newNonce": source.take(16).hex(), "oldScalar": scalars[0].hex(), "newScalar": scalars[1].hex(),
        "oldRecord": records[0].hex(), "newRecord": records[1].hex(),
        "circles": [blake2b(b"one").hex(), blake2b(b"other").hex()]}
    both = Pairing(given, words)
    given.update(both.fields())
    given["messages"] = []
    for sender, phase, text in [("old", 4, b"offer"), ("new", 5, b""), ("old", 6, source.take(9000))]:
        sealed = seal(both.keys[sender], text, Pairing.data(phase), source.take(24))
        given["messages"].append({"from": sender, "phase": phase, "plaintext": text.hex(), "sealed": sealed.hex()})
    given["safetyNumber"] = safety_number(given["circles"])
    return given


def chunk():
    source = Source("attune chunks")
    key, identity = source.take(32), source.take(16)

    def blob(length, earlier):
        content = bytes((at * 7 + at // 256) & 255 for at in range(length))
        return {"length": length, "chunks": [
            {"size": len(sealed), "start": sealed[:48].hex(), "tag": sealed[-16:].hex(), "id": blake2b(sealed).hex()}
            for sealed in chunks(key, identity, content, earlier)]}

    return {
        "blobKey": key.hex(), "blobID": identity.hex(), "padme": [],
        "blobs": [blob(length, False) for length in (0, 777, 4056, 4057, 1_048_536, 1_048_537, 1_100_000, 3_300_000)],
        "earlierBlobs": [blob(length, True) for length in (0, 777, 1_100_000)]}
