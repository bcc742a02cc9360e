"""Hashes, keys and seals as schemas/*.md describe them."""
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kyber_py.ml_kem import ML_KEM_768
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha_open,
    crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_seal,
)
from nacl.exceptions import CryptoError

import ristretto


class Refused(Exception):
    """Something is no good; the argument is the code that Attune gives it."""


def require(condition, code):
    if not condition:
        raise Refused(code)


def u32(number):
    return number.to_bytes(4, "big")


def blake2b(data, personal=b"", size=32):
    return hashlib.blake2b(data, digest_size=size, person=personal.ljust(16, b"\0")).digest()


def subkey(key, number, context):
    """libsodium's crypto_kdf."""
    salt, person = number.to_bytes(8, "little").ljust(16, b"\0"), context.ljust(16, b"\0")
    return hashlib.blake2b(b"", digest_size=32, key=key, salt=salt, person=person).digest()


def seal(key, plaintext, data, nonce):
    return nonce + xchacha_seal(plaintext, data, nonce, key)


def unseal(key, sealed, data, code):
    require(len(sealed) >= 40, code)
    try:
        return xchacha_open(sealed[24:], data, sealed[:24], key)
    except CryptoError:
        raise Refused(code) from None


def padme(length):
    """The length that Padmé pads to."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    low = exponent - exponent.bit_length()
    return (length + (1 << low) - 1) >> low << low


def sign(seed, message):
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def signing_key(seed):
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def verify(key, signature, message, code):
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        raise Refused(code) from None


def tls_key_hash(scalar):
    key = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).digest()


# X-Wing (draft-connolly-cfrg-xwing-kem-06).


def _expand(seed):
    expanded = hashlib.shake_256(seed).digest(96)
    public, private = ML_KEM_768.key_derive(expanded[:64])
    return public, private, x25519.X25519PrivateKey.from_private_bytes(expanded[64:])


def _combine(ml_secret, x_secret, x_ciphertext, x_key):
    return hashlib.sha3_256(ml_secret + x_secret + x_ciphertext + x_key + b"\\.//^\\").digest()


def xwing_public(seed):
    public, _, x_private = _expand(seed)
    return public + x_private.public_key().public_bytes_raw()


def xwing_encapsulate(public, randomness):
    """64 bytes of randomness; (secret, ciphertext)."""
    ml_secret, ml_ciphertext = ML_KEM_768._encaps_internal(public[:1184], randomness[:32])
    ephemeral = x25519.X25519PrivateKey.from_private_bytes(randomness[32:])
    x_ciphertext = ephemeral.public_key().public_bytes_raw()
    x_secret = ephemeral.exchange(x25519.X25519PublicKey.from_public_bytes(public[1184:]))
    return _combine(ml_secret, x_secret, x_ciphertext, public[1184:]), ml_ciphertext + x_ciphertext


def xwing_decapsulate(seed, ciphertext):
    _, private, x_private = _expand(seed)
    x_key = x_private.public_key().public_bytes_raw()
    x_secret = x_private.exchange(x25519.X25519PublicKey.from_public_bytes(ciphertext[1088:]))
    return _combine(ML_KEM_768.decaps(private, ciphertext[:1088]), x_secret, ciphertext[1088:], x_key)


# HPKE (RFC 9180), base mode: X-Wing, HKDF-SHA256, AES-256-GCM.

SUITE = b"HPKE" + (0x647A).to_bytes(2, "big") + (1).to_bytes(2, "big") + (2).to_bytes(2, "big")


def _labeled_extract(salt, label, key):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE + label + key, "sha256")


def _labeled_expand(key, label, info, length):
    text = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + info
    return hmac.digest(key, text + b"\x01", "sha256")[:length]


def _hpke(secret, info):
    context = b"\0" + _labeled_extract(b"", b"psk_id_hash", b"") + _labeled_extract(b"", b"info_hash", info)
    key = _labeled_extract(secret, b"secret", b"")
    return AESGCM(_labeled_expand(key, b"key", context, 32)), _labeled_expand(key, b"base_nonce", context, 12)


def envelope(key, public, info, randomness):
    secret, ciphertext = xwing_encapsulate(public, randomness)
    cipher, nonce = _hpke(secret, info)
    return ciphertext + cipher.encrypt(nonce, key, b"")


def open_envelope(sealed, seed, info):
    require(len(sealed) == 1168, "E-KEY-041")
    cipher, nonce = _hpke(xwing_decapsulate(seed, sealed[:1120]), info)
    try:
        return cipher.decrypt(nonce, sealed[1120:], b"")
    except InvalidTag:
        raise Refused("E-KEY-041") from None


# CPACE-RISTR255-SHA512 (draft-irtf-cfrg-cpace-21).


def _prefixed(data):
    length, rest = b"", len(data)
    while True:
        length += bytes([rest & 127 | (128 if rest > 127 else 0)])
        rest >>= 7
        if rest == 0:
            return length + data


def concatenated(*items):
    return b"".join(map(_prefixed, items))


def cpace_generator(password, context, session):
    domain = b"CPaceRistretto255"
    padding = max(0, 128 - len(_prefixed(password)) - len(_prefixed(domain)) - 1)
    text = concatenated(domain, password, bytes(padding), context, session)
    return text, ristretto.from_hash(hashlib.sha512(text).digest())


def cpace_product(scalar, share):
    """The shared point; None where it must not be used."""
    point = ristretto.decode(share)
    if point is None:
        return None
    product = ristretto.encode(ristretto.multiply(int.from_bytes(scalar, "little"), point))
    return None if product == bytes(32) else product


def cpace_key(session, secret, a, b):
    """The ISK, from the shared point and (share, associated data) of initiator and responder."""
    head = concatenated(b"CPaceRistretto255_ISK", session, secret)
    return hashlib.sha512(head + concatenated(*a) + concatenated(*b)).digest()


def cpace_confirmation(session, key, side):
    return hmac.digest(hashlib.sha512(b"CPaceMac" + session + key).digest(), concatenated(*side), "sha512")
