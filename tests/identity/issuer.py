"""An issuer of tokens and certificates, by the openssl command."""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import time

ISSUER = "https://issuer.example.org"
AUDIENCE = "msgproc"


def _openssl(*arguments, data=None):
    return subprocess.run(
        ["openssl", *arguments], input=data, check=True, capture_output=True
    ).stdout


def encode(data):
    """Returns base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes):
    """Returns what a good token says, with changes; None leaves a claim out."""
    now = int(time.time())
    good = {"sub": "alice", "iss": ISSUER, "aud": AUDIENCE, "exp": now + 3600}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def unsigned(header, payload):
    """Returns the two parts of a token that a signature is made over."""
    return ".".join(encode(json.dumps(part).encode()) for part in (header, payload))


def hmac_signed(header, payload, secret):
    """Returns a token signed with a shared secret (HS256)."""
    text = unsigned(header, payload)
    return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


class Issuer:
    """A key on P-256 and what it signs (ES256)."""

    def __init__(self, folder, kid="k1"):
        self.kid = kid
        self._key = folder / f"{kid}.key"
        _openssl(
            *"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out".split(), str(self._key)
        )

    def jwk(self):
        """Returns the public key as a JWK."""
        # The last 64 bytes of the key in DER are the point's coordinates.
        point = _openssl("pkey", "-in", str(self._key), "-pubout", "-outform", "DER")[-64:]
        x, y = encode(point[:32]), encode(point[32:])
        return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": x, "y": y}

    def public_pem(self):
        return _openssl("pkey", "-in", str(self._key), "-pubout")

    def token(self, header=None, **changes):
        """Returns a token; `changes` as of claims()."""
        whole = {"alg": "ES256", "typ": "JWT", "kid": self.kid, **(header or {})}
        text = unsigned(whole, claims(**changes))
        signature = _openssl("dgst", "-sha256", "-sign", str(self._key), data=text.encode())
        return f"{text}.{encode(_raw(signature))}"


def _raw(der):
    """Returns an ECDSA signature's two numbers, 32 bytes each (RFC 7518, 3.4)."""
    numbers = []
    at = 2
    for _ in range(2):
        size = der[at + 1]
        numbers.append(der[at + 2 : at + 2 + size].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + size
    return b"".join(numbers)


def write_jwks(path, *issuers):
    """Replaces the key set with the keys of these issuers, in one step."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": [issuer.jwk() for issuer in issuers]}))
    fresh.rename(path)


class Authority:
    """A certificate authority; `days`: how long what it signs is good, and itself."""

    def __init__(self, folder, days=2):
        self._folder = folder
        self._days = str(days)
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        _openssl(
            *"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(),
            *("-days", self._days, "-subj", "/CN=authority"),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, name, alternative="DNS:localhost,IP:127.0.0.1"):
        """Returns the paths of a certificate and its key."""
        stem = self._folder / re.sub(r"\W", "_", name)
        key, request, certificate = (stem.with_suffix(end) for end in (".key", ".csr", ".pem"))
        _openssl(
            *"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}"),
            *("-keyout", str(key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.certificate)),
            *("-CAkey", str(self._key), "-CAcreateserial", "-copy_extensions", "copy"),
            *("-days", self._days, "-out", str(certificate)),
        )
        return certificate, key
