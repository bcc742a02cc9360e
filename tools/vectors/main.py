"""Checks the vectors; called by tools/check-vectors, which has made the messages' Python code."""
import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from cryptography import x509  # noqa: E402

import make  # noqa: E402
import ristretto  # noqa: E402
import wire  # noqa: E402
from primitives import (  # noqa: E402
    Refused, blake2b, cpace_confirmation, cpace_generator, cpace_key, cpace_product, padme, unseal, xwing_decapsulate,
    xwing_encapsulate, xwing_public,
)

VECTORS = Path(__file__).resolve().parents[2] / "schemas/vectors"
done = 0


def expect(condition, what):
    global done
    done += 1
    if not condition:
        sys.exit(f"{what}: no agreement")


def code(action):
    """The code that an action is refused with; None if it is not."""
    try:
        action()
    except Refused as refused:
        return refused.args[0]


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def from_hex(value):
    return bytes.fromhex(value)


def check_links(name):
    vectors = load(name)
    links = [from_hex(link) for link in vectors["links"]]
    chain = wire.Chain(links)
    expect(chain.circle.hex() == vectors["circle"] and chain.head.hex() == vectors["head"], f"{name}: circle and head")
    readers = [wire.Device.paper(from_hex(vectors["recovery"]))]
    expect(readers[0].id.hex() == vectors["paper"], f"{name}: paper device")
    former = wire.Device.paper(from_hex(vectors["formerRecovery"]))
    expect(former.id in chain.records and former.id not in chain.envelopes, f"{name}: replaced words")
    for vector in vectors["devices"]:
        device = wire.Device(*(from_hex(vector[key]) for key in ("signingSeed", "sealingSeed", "tlsKey")))
        expect(device.id.hex() == vector["id"], f"{name}: device id")
        expect(chain.records[device.id] == device.record, f"{name}: record")
        if device.id in chain.active:
            readers.append(device)
        if "certificate" in vector:
            certificate = x509.load_der_x509_certificate(from_hex(vector["certificate"]))
            certificate.verify_directly_issued_by(certificate)
            info = certificate.public_key().public_bytes(wire_encoding, wire_format)
            expect(hashlib.sha256(info).digest() == device.record.tls_key_hash, f"{name}: certificate")
    expect(len(readers) == len(chain.active), f"{name}: active devices")
    for reader in readers:
        keys = chain.epoch_keys(reader)
        expect([keys[epoch].hex() for epoch in sorted(keys)] == vectors["epochs"], f"{name}: epochs")
        for identity, text in vectors["names"].items():
            expect(chain.name(from_hex(identity), keys) == text, f"{name}: name")
    for refused in vectors["refused"]:
        part = wire.Chain(links[:refused["after"]])
        got = code(lambda: part.append(from_hex(refused["bytes"])))
        expect(got == refused["code"], f"{name}: {got} for {refused['code']}")


def check_entries(name):
    vectors = load(name)
    chain = wire.Chain(map(from_hex, vectors["links"]))
    keys = {number + 1: from_hex(key) for number, key in enumerate(vectors["epochs"])}
    for vector in vectors["entries"]:
        digest, device, payload = chain.open_entry(from_hex(vector["bytes"]), keys)
        expect((digest.hex(), device.hex()) == (vector["hash"], vector["device"]), f"{name}: hash and device")
        expect(payload.hex() == vector["payload"], f"{name}: payload")
    for refused in vectors["refused"]:
        got = code(lambda: chain.open_entry(from_hex(refused["bytes"]), keys))
        expect(got == refused["code"], f"{name}: {got} for {refused['code']}")


def check_requests(name):
    vectors = load(name)
    device = wire.Device(from_hex(vectors["signingSeed"]), from_hex(vectors["sealingSeed"]))
    expect(device.id.hex() == vectors["device"], f"{name}: device")
    for request in vectors["requests"]:
        got = code(lambda: wire.verify_request(request, device.record.signing_key))
        expect(got == request.get("code"), f"{name}: {got} for {request.get('code')}")
        if got is None:
            expect(wire.sign_request(device, request) == request, f"{name}: signature")


def check_pairing(name, words):
    vectors = load(name)
    both = wire.Pairing(vectors, words)
    for field, value in both.fields().items():
        expect(vectors[field] == value, f"{name}: {field}")
    for message in vectors["messages"]:
        data = wire.Pairing.data(message["phase"])
        opened = unseal(both.keys[message["from"]], from_hex(message["sealed"]), data, "E-CODE-005")
        expect(opened.hex() == message["plaintext"], f"{name}: message")
    expect(wire.safety_number(vectors["circles"]) == vectors["safetyNumber"], f"{name}: safety number")


def check_chunks(name):
    vectors = load(name)
    for item in vectors["padme"]:
        expect(padme(item["length"]) == item["padded"], f"{name}: padding of {item['length']}")
    for kind in "blobs", "earlierBlobs":
        for blob in vectors[kind]:
            content = bytes((at * 7 + at // 256) & 255 for at in range(blob["length"]))
            made = list(wire.chunks(
                from_hex(vectors["blobKey"]), from_hex(vectors["blobID"]), content, kind == "earlierBlobs"))
            ids = [blake2b(sealed).hex() for sealed in made]
            expect(ids == [item["id"] for item in blob["chunks"]], f"{name}: ids of {kind}")
            sizes = [len(sealed) for sealed in made]
            expect(sizes == [item["size"] for item in blob["chunks"]], f"{name}: sizes of {kind}")
            expect(all(size % 4096 == 0 and 0 < size <= 1 << 20 for size in sizes), f"{name}: multiples of {kind}")


def check_cpace():
    vectors = load("cpace")
    raw = {key: from_hex(value) for key, value in vectors.items() if isinstance(value, str) and key != "source"}
    text, generator = cpace_generator(raw["password"], raw["context"], raw["sessionID"])
    expect(len(text) == vectors["generatorStringCount"], "cpace: generator string")
    expect(ristretto.encode(generator) == raw["generator"], "cpace: generator")
    for scalar, share in (("ya", "Ya"), ("yb", "Yb")):
        point = ristretto.multiply(int.from_bytes(raw[scalar], "little"), generator)
        expect(ristretto.encode(point) == raw[share], f"cpace: {share}")
    expect(cpace_product(raw["ya"], raw["Yb"]) == raw["K"] == cpace_product(raw["yb"], raw["Ya"]), "cpace: K")
    a, b = (raw["Ya"], raw["ADa"]), (raw["Yb"], raw["ADb"])
    key = cpace_key(raw["sessionID"], raw["K"], a, b)
    expect(key == raw["ISK"], "cpace: ISK")
    confirmations = {cpace_confirmation(raw["sessionID"], key, side) for side in (a, b)}
    expect(len(confirmations) == 2, "cpace: confirmations")
    for point in vectors["refused"]["points"]:
        expect(cpace_product(from_hex(vectors["refused"]["scalar"]), from_hex(point)) is None, "cpace: refused point")


def check_xwing():
    for item in load("xwing")["vectors"]:
        raw = {key: from_hex(value) for key, value in item.items()}
        expect(xwing_public(raw["seed"]) == raw["pk"], "xwing: public key")
        expect(xwing_encapsulate(raw["pk"], raw["eseed"]) == (raw["ss"], raw["ct"]), "xwing: encapsulation")
        expect(xwing_decapsulate(raw["seed"], raw["ct"]) == raw["ss"], "xwing: secret")


from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: E402

wire_encoding, wire_format = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
words = load("pairing")["words"]
link_vectors, entry_vectors = make.circle()
made = {
    "links": link_vectors, "entries": entry_vectors, "requests": make.requests(), "pairing": make.pairing(words),
    "chunk": make.chunk()}
folder = VECTORS / "from-python"
for name, value in made.items():
    file, text = folder / f"{name}.json", json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if "--write" in sys.argv:
        folder.mkdir(exist_ok=True)
        file.write_text(text)
    expect(file.read_text() == text, f"from-python/{name}.json is not what is made now; --write makes it anew")
for prefix in ("", "from-python/"):
    check_links(prefix + "links")
    check_entries(prefix + "entries")
    check_requests(prefix + "requests")
    check_pairing(prefix + "pairing", words)
    check_chunks(prefix + "chunk")
check_cpace()
check_xwing()
print(f"{done} checks of schemas/vectors agree")
