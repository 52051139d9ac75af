"""Keys, and tokens signed by PyJWT and cryptography: in order, or wrong in one way."""

import base64
import json
import secrets
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW = 1_800_000_000
ISSUER = "https://issuer.example"
AUDIENCE = "notes"

SECRETS = ["HS256", "HS384", "HS512"]
PUBLIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
ALGORITHMS = SECRETS + PUBLIC
LENGTHS = {"HS256": 32, "HS384": 48, "HS512": 64}


def encode(data):
    data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def to_json(value):
    """Texts are taken as they are, so that they can be no JSON."""
    return value if isinstance(value, (str, bytes)) else json.dumps(value, separators=(",", ":"))


def sign(algorithm, key, message):
    message = message.encode() if isinstance(message, str) else message
    method = jwt.get_algorithm_by_name(algorithm)
    return method.sign(message, method.prepare_key(key))


def fresh_key(algorithm):
    if algorithm in SECRETS:
        return secrets.token_bytes(LENGTHS[algorithm])
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "ES384":
        return ec.generate_private_key(ec.SECP384R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def spki(key, encoding):
    return key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def pem(key):
    return spki(key, Encoding.PEM)


def der(key):
    return spki(key, Encoding.DER)


@dataclass
class Keys:
    """One key for each algorithm, and another of the same kind that nobody knows."""

    ours: dict = field(default_factory=dict)
    others: dict = field(default_factory=dict)

    def __post_init__(self):
        for keys in (self.ours, self.others):
            shared = fresh_key("RS256")
            for algorithm in ALGORITHMS:
                is_rsa = algorithm[:2] in ("RS", "PS")
                keys[algorithm] = shared if is_rsa else fresh_key(algorithm)

    def jwk(self, algorithm, **members):
        """The public half as PyJWT writes it, or the secret."""
        key = self.ours[algorithm]
        if algorithm in SECRETS:
            jwk = {"kty": "oct", "k": encode(key)}
        else:
            jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
            jwk.pop("key_ops", None)
        return {**jwk, "alg": algorithm, **members}

    def jwks(self, algorithms):
        return {"keys": [self.jwk(algorithm, kid=algorithm, use="sig") for algorithm in algorithms]}


def payload(**changes):
    """Claims in order, changed. `...` takes one out."""
    claims = {"sub": "alice", "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 600, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def header(algorithm, **changes):
    members = {"alg": algorithm, "kid": algorithm, "typ": "JWT", **changes}
    return {name: value for name, value in members.items() if value is not ...}


@dataclass
class Case:
    """A token, and what must come of it by its making."""

    name: str
    algorithm: str
    token: str
    fault: str = None
    claims: dict = None
    setup: str = "public"
    is_for_pyjwt: bool = True

    def to_dict(self):
        verdict = {"refuse": self.fault} if self.fault else {"accept": self.claims}
        case = {"name": self.name, "algorithm": self.algorithm, "setup": self.setup, **verdict}
        return {**case, "token": self.token}


def told(claims, tenant=None, tenants=(), roles=()):
    """What an accepted token says."""
    return {"subject": claims["sub"], "tenant": tenant, "tenants": list(tenants), "roles": list(roles)}


class Signer:
    """Makes the cases of one algorithm, each differing from a good token in one thing."""

    def __init__(self, keys, algorithm, setup=None):
        self.keys = keys
        self.algorithm = algorithm
        self.key = keys.ours[algorithm]
        self.setup = setup or ("secret" if algorithm in SECRETS else "public")
        self.cases = []

    def token(self, head=None, body=None, key=None, algorithm=None):
        head = encode(to_json(header(self.algorithm) if head is None else head))
        message = f"{head}.{encode(to_json(payload() if body is None else body))}"
        signature = sign(algorithm or self.algorithm, key or self.key, message)
        return f"{message}.{encode(signature)}"

    def ordinary(self, claims):
        """As an application of PyJWT makes it, from the claims to the token."""
        return jwt.encode(claims, self.key, algorithm=self.algorithm, headers={"kid": self.algorithm})

    def accept(self, name, token, claims, is_for_pyjwt=True):
        self._add(name, token, claims=claims, is_for_pyjwt=is_for_pyjwt)

    def refuse(self, name, fault, token):
        self._add(name, token, fault=fault)

    def _add(self, name, token, **verdict):
        self.cases.append(Case(name, self.algorithm, token, setup=self.setup, **verdict))
