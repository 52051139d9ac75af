"""What every algorithm must hold against."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils

from signing import (AUDIENCE, ISSUER, NOW, PUBLIC, SECRETS, Signer, decode, der, encode, header, payload, pem, sign,
                     told, to_json)

FAMILIES = [SECRETS, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], ["ES256"], ["ES384"], ["EdDSA"]]


def cases(keys, algorithm):
    signer = Signer(keys, algorithm)
    good(signer)
    signatures(signer)
    headers(signer)
    payloads(signer)
    parts(signer)
    if algorithm in PUBLIC:
        confusion(signer)
    if algorithm.startswith("RS"):
        rsa(signer)
    if algorithm.startswith("PS"):
        pss(signer)
    if algorithm.startswith("ES"):
        ecdsa(signer)
    if algorithm == "EdDSA":
        eddsa(signer)
    return signer.cases


def good(signer):
    bare = payload()
    signer.accept("nothing but what is required", signer.ordinary(bare), told(bare))
    full = payload(aud=["other", AUDIENCE], nbf=NOW, iat=NOW, jti="1", tenant_id="acme", roles=["editor", "auditor"])
    full["tenants"] = ["globex", "umbrella"]
    signer.accept("every claim", signer.ordinary(full), told(full, "acme", ["globex", "umbrella"], ["editor", "auditor"]))
    unicode = payload(sub="Ærøskøbing 東京 🦀", name="‮evil")
    signer.accept("letters of other alphabets", signer.ordinary(unicode), told(unicode))
    spaced = '{ "sub" : "alice",\n\t"iss":"%s", "aud":"%s" , "exp":%d.5 }\r\n' % (ISSUER, AUDIENCE, NOW + 1)
    signer.accept("white space in the payload, a fraction in `exp`", signer.token(body=spaced), told(bare))
    keys_of_its_own = header(signer.algorithm, jku="https://evil.example", x5u="https://evil.example", x5c=["AA"],
                             jwk={"kty": "oct", "k": "AA"}, x5t="AA", cty="x", typ=7)
    signer.accept("a header with keys of its own", signer.token(head=keys_of_its_own), told(bare), is_for_pyjwt=False)


def signatures(signer):
    token = signer.token()
    signed, signature = token.rsplit(".", 1)
    signature = decode(signature)
    signer.refuse("another key", "signature", signer.token(key=signer.keys.others[signer.algorithm]))
    signer.refuse("one bit of the signature", "signature", f"{signed}.{encode(bytes([signature[0] ^ 1]) + signature[1:])}")
    signer.refuse("the signature less a byte", "signature", f"{signed}.{encode(signature[:-1])}")
    signer.refuse("the signature's first half", "signature", f"{signed}.{encode(signature[:len(signature) // 2])}")
    signer.refuse("the signature and a byte", "signature", f"{signed}.{encode(signature + b'x')}")
    signer.refuse("the signature and a zero before it", "signature", f"{signed}.{encode(bytes(1) + signature)}")
    signer.refuse("zeros in place of the signature", "signature", f"{signed}.{encode(bytes(len(signature)))}")
    signer.refuse("no signature", "compact", f"{signed}.")
    other = signer.token(body=payload(sub="mallory"))
    (head, body, _), (_, others_body, others_signature) = token.split("."), other.split(".")
    signer.refuse("another token's payload", "signature", f"{head}.{others_body}.{encode(signature)}")
    signer.refuse("another token's signature", "signature", f"{head}.{body}.{others_signature}")
    signer.refuse("header and payload swapped", "kid", f"{body}.{head}.{encode(signature)}")
    respelled = encode(to_json({**header(signer.algorithm), "x": 1}))
    signer.refuse("another header over the same payload", "signature", f"{respelled}.{body}.{encode(signature)}")
    signer.refuse("the payload signed without its header", "signature",
                  f"{signed}.{encode(sign(signer.algorithm, signer.key, body))}")


def headers(signer):
    algorithm = signer.algorithm
    for alg in ["none", "None", "NONE", algorithm.swapcase(), algorithm + " ", "", ..., None, 256, [algorithm]]:
        head = header(algorithm, alg=alg)
        signer.refuse(f"`alg` is {alg!r}", "algorithm", signer.token(head=head))
    unsigned = f"{encode(to_json(header('none', kid=algorithm)))}.{encode(to_json(payload()))}"
    signer.refuse("`none` without a signature", "compact", f"{unsigned}.")
    # By the same key where its kind can do another algorithm, and honestly said so.
    family = next(family for family in FAMILIES if algorithm in family)
    for other in family:
        if other != algorithm:
            head = header(other, kid=algorithm)
            signer.refuse(f"this key by {other}", "algorithm", signer.token(head=head, algorithm=other))
            signer.refuse(f"{other} and said to be {algorithm}", "signature", signer.token(algorithm=other))
    for kid in ["unknown", "", algorithm.lower(), "../../../../dev/null", "' OR 1=1 --", ..., None, 1, [algorithm]]:
        signer.refuse(f"`kid` is {kid!r}", "kid", signer.token(head=header(algorithm, kid=kid)))
    signer.refuse("a `kid` of 129 bytes", "kid", signer.token(head=header(algorithm, kid="k" * 129)))
    for crit in [["exp"], ["b64"], [], None, "b64"]:
        signer.refuse(f"`crit` is {crit!r}", "critical", signer.token(head=header(algorithm, crit=crit, b64=False)))
    twice = '{"alg":"%s","kid":"%s","kid":"%s"}' % (algorithm, "unknown", algorithm)
    signer.refuse("a name twice in the header", "header", signer.token(head=twice))


def payloads(signer):
    for claim, fault in [("exp", "claim"), ("iss", "claim"), ("aud", "claim"), ("sub", "claim")]:
        signer.refuse(f"no `{claim}`", fault, signer.token(body=payload(**{claim: ...})))
    for fault, changes in [
        ("time", {"exp": NOW - 30}),
        ("time", {"exp": 1}),
        ("time", {"nbf": NOW + 31}),
        ("time", {"iat": NOW + 31}),
        ("audience", {"aud": "other"}),
        ("audience", {"aud": ["other", "Notes"]}),
        ("issuer", {"iss": ISSUER + "/"}),
        ("claim", {"tenant_id": ["acme"]}),
        ("claim", {"tenant_id": 7}),
        ("claim", {"tenant_id": None}),
        ("claim", {"roles": {"editor": True}}),
    ]:
        signer.refuse(f"{changes}", fault, signer.token(body=payload(**changes)))
    twice = '{"sub":"mallory",' + to_json(payload())[1:]
    signer.refuse("a name twice in the payload", "payload", signer.token(body=twice))


def parts(signer):
    head, body, signature = signer.token().split(".")
    signer.refuse("padding", "compact", f"{head}.{body}.{signature}==")
    signer.refuse("white space behind", "compact", f"{head}.{body}.{signature} ")
    signer.refuse("a line end in the payload", "compact", f"{head}.{body[:8]}\n{body[8:]}.{signature}")
    signer.refuse("a fourth part", "compact", f"{head}.{body}.{signature}.{signature}")
    signer.refuse("two parts", "compact", f"{head}.{body}")
    signer.refuse("the payload as it is, by `b64`", "compact", unencoded(signer))


def unencoded(signer):
    """RFC 7797, without the `crit` that it asks for."""
    head, body = encode(to_json(header(signer.algorithm, b64=False))), to_json(payload())
    return f"{head}.{body}.{encode(sign(signer.algorithm, signer.key, f'{head}.{body}'))}"


def confusion(signer):
    """The public key, which anybody has, as a secret (RFC 8725 section 2.1)."""
    for secret in SECRETS:
        for form, bytes_of in [("PEM", pem), ("DER", der)]:
            head = encode(to_json(header(secret, kid=signer.algorithm)))
            message = f"{head}.{encode(to_json(payload()))}"
            signer.refuse(f"{secret} by the public key as {form}", "algorithm",
                          f"{message}.{encode(hmac(secret, bytes_of(signer.key), message))}")


def hmac(algorithm, key, message):
    """By hand, since PyJWT does not take a public key for a secret."""
    import hashlib
    import hmac as library
    return library.new(key, message.encode(), getattr(hashlib, "sha" + algorithm[2:])).digest()


def with_signature(signer, sign_message):
    signed = signer.token().rsplit(".", 1)[0]
    return f"{signed}.{encode(sign_message(signed.encode()))}"


def rsa(signer):
    sha1 = with_signature(signer, lambda message: signer.key.sign(message, padding.PKCS1v15(), hashes.SHA1()))
    signer.refuse("by SHA-1", "signature", sha1)


def pss(signer):
    digest = {"PS256": hashes.SHA256, "PS384": hashes.SHA384, "PS512": hashes.SHA512}[signer.algorithm]()

    def by(mask, salt):
        scheme = padding.PSS(mgf=padding.MGF1(mask), salt_length=salt)
        return with_signature(signer, lambda message: signer.key.sign(message, scheme, digest))

    signer.refuse("without a salt", "signature", by(digest, 0))
    signer.refuse("a salt of the greatest length", "signature", by(digest, padding.PSS.MAX_LENGTH))
    signer.refuse("a mask by SHA-1", "signature", by(hashes.SHA1(), digest.digest_size))


def ecdsa(signer):
    token = signer.token()
    signed, signature = token.rsplit(".", 1)
    signature = decode(signature)
    size = len(signature) // 2
    r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
    order = {
        "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    }[signer.algorithm]

    def of(r, s):
        return f"{signed}.{encode(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"

    signer.refuse("the signature as DER", "signature", f"{signed}.{encode(utils.encode_dss_signature(r, s))}")
    signer.refuse("r and s swapped", "signature", of(s, r))
    signer.refuse("r is the order", "signature", of(order, s))
    signer.refuse("s is zero", "signature", of(r, 0))
    # ECDSA has two signatures for each, and RFC 7518 forbids neither: no token can be known by its bytes.
    signer.accept("the other of the two signatures", of(r, order - s), told(payload()))


def eddsa(signer):
    signed, signature = signer.token().rsplit(".", 1)
    signature = decode(signature)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little") + order
    signer.refuse("s and the order (RFC 8032 section 8.4)", "signature",
                  f"{signed}.{encode(signature[:32] + s.to_bytes(32, 'little'))}")
