"""Tokens whose signature holds, and whose text does not: by one algorithm, since the signature is not the point."""

from signing import AUDIENCE, ISSUER, NOW, Signer, encode, header, payload, to_json, told

ALGORITHM = "ES256"


def cases(keys):
    signer = Signer(keys, ALGORITHM)
    for make in (times, names, audiences, tenants, lists, roles, documents, compact):
        make(signer)
    typed = Signer(keys, ALGORITHM, "typed")
    types(typed)
    only = Signer(keys, ALGORITHM, "only")
    nameless(only)
    nested = Signer(keys, ALGORITHM, "nested")
    nesting(nested)
    return [case for each in (signer, typed, only, nested) for case in each.cases]


def short(text):
    return text if len(text) <= 60 else f"{text[:30]} and so on, {len(text)} letters"


def both(signer, claim, good, bad, fault="claim", tell=lambda value: {}):
    """The claim with values that are in order, and with others. Texts in `bad` are JSON."""
    for value in good:
        claims = payload(**{claim: value})
        signer.accept(f"`{claim}` is {short(to_json([value])[1:-1])}", signer.token(body=claims), told(claims, **tell(value)))
    for value in bad:
        body = to_json(payload(**{claim: "@"})).replace('"@"', value)
        signer.refuse(f"`{claim}` is {short(value)}", fault, signer.token(body=body))


def times(signer):
    both(signer, "exp", [NOW - 29, NOW - 29.5, NOW + 0.25, 253402300799],
         ["null", "true", '"1800000600"', "[1800000600]", "{}", "-1", "253402300800", str((NOW + 600) * 1000), "1e300"])
    both(signer, "exp", [], ["0", "-0.0", str(NOW - 30), str(NOW - 31), f"{NOW - 30}.0"], fault="time")
    both(signer, "exp", [], ["1e400", "NaN", "Infinity", "+1", "01", "0x1", "1_000"], fault="payload")
    for claim in ("nbf", "iat"):
        both(signer, claim, [NOW + 30, 0, 1.5], ["null", '"1"', "-1", "1e300", "[]", "false"])
        both(signer, claim, [], [str(NOW + 31), f"{NOW + 30}.5", "253402300799"], fault="time")


def names(signer):
    both(signer, "sub", ["a", "x" * 255, "auth0|602c", "a b", "é" * 127, "\U0001f980", "</script>"],
         ['""', "null", "7", '["alice"]', "{}", f'"{"x" * 256}"', f'"{"é" * 128}"', r'"a\u0000"', r'"a\nb"', r'"\u001b[31m"',
          r'"a\u007f"'])
    both(signer, "sub", [], [r'"\ud800"', r'"\udc00\ud800"', r'"\x61"', "'alice'", '"a\tb"'], fault="payload")
    both(signer, "iss", [], ['"https://issuer.example/"', '"HTTPS://issuer.example"', '""', '"https://issuer.exampl"',
                             '"https://issuer.example "', '"https://issuer.example.evil"'], fault="issuer")
    both(signer, "iss", [], ["null", "7", f'["{ISSUER}"]', "{}", "true"])


def audiences(signer):
    both(signer, "aud", [AUDIENCE, [AUDIENCE], ["a", AUDIENCE, "b"], [AUDIENCE, AUDIENCE]],
         ["null", "7", "{}", '["notes",7]', '[["notes"]]', "true"])
    both(signer, "aud", [], ['""', '"note"', '"notes "', '"NOTES"', "[]", '["note","notess"]', '"notes,other"'],
         fault="audience")


def tenants(signer):
    both(signer, "tenant_id", ["acme", "a", "x" * 63, "0-_"],
         ["null", "7", "true", "[]", "{}", '["acme"]', '{"id":"acme"}', '""', '" acme"', '"acme "', '"ACME"', '"а"', '"a.b"',
          r'"acme\u0000"', r'"acme\n"', '"../acme"', f'"{"x" * 64}"', '"-acme"', '"acme/globex"', '"acme%00"'],
         tell=lambda tenant: {"tenant": tenant})


def lists(signer):
    both(signer, "tenants", [[], ["acme"], ["acme", "globex"], ["acme", "acme"]],
         ["null", '"acme"', "{}", "7", '["acme",7]', '["acme",null]', '[["acme"]]', '["acme","GLOBEX"]', '[""]'],
         tell=lambda tenants: {"tenants": tenants})


def roles(signer):
    both(signer, "roles", [["editor"], ["a b", "org:admin"], [], ["r" * 128]],
         ["null", "7", "true", "{}", '{"roles":["a"]}', '["a",7]', '[["a"]]', '[""]', '""', f'["{"r" * 129}"]', r'["a\n"]'],
         tell=lambda roles: {"roles": roles})
    single = payload(roles="editor")
    signer.accept("one role as a text", signer.token(body=single), told(single, roles=["editor"]))


def deep(levels):
    return "[" * levels + "]" * levels


def documents(signer):
    """Payload and header as texts that differ from JSON, or from an object with each name once."""
    body, head = to_json(payload()), to_json(header(ALGORITHM))
    wrong = {
        "an array": f"[{body}]",
        "a text": to_json([body])[1:-1],
        "`null`": "null",
        "two objects": body + body,
        "a zero behind": body + "\0",
        "a comma at the end": body[:-1] + ",}",
        "a comment": "/**/" + body,
        "a byte order mark": "\ufeff" + body,
        "no UTF-8": body.encode()[:-1] + b',"x":"\xff"}',
        "UTF-16": body.encode("utf-16-le"),
        "single quotes": body.replace('"', "'"),
        "half of it": body[:20],
        "a name twice": body[:-1] + ',"sub":"mallory"}',
        "a name twice, escaped": body[:-1] + r',"\u0073ub":"mallory"}',
        "a name twice, deeper": body[:-1] + ',"x":{"y":1,"y":1}}',
        "a name twice, with the same value": body[:-1] + ',"sub":"alice"}',
        "17 levels": body[:-1] + ',"x":' + deep(16) + "}",
        "many levels": body[:-1] + ',"x":' + deep(1000) + "}",
    }
    for name, text in wrong.items():
        signer.refuse(f"the payload: {name}", "payload", signer.token(body=text))
    claims = told(payload())
    signer.accept("16 levels", signer.token(body=body[:-1] + ',"x":' + deep(15) + "}"), claims)
    signer.accept("names that differ in case", signer.token(body=body[:-1] + ',"SUB":"mallory","Exp":1}'), claims)
    signer.accept("an escaped name", signer.token(body=body.replace('"sub"', r'"\u0073ub"')), claims)
    signer.accept("white space around the header", signer.token(head=f" {head}\n"), claims)
    for name, text in {
        "an array": f"[{head}]",
        "a text": '"ES256"',
        "a comma at the end": head[:-1] + ",}",
        "a byte order mark": "\ufeff" + head,
        "no UTF-8": head.encode()[:-1] + b',"x":"\xff"}',
        "two objects": head + head,
        "`alg` twice": head[:-1] + ',"alg":"ES256"}',
        "`alg` twice, escaped": head[:-1] + r',"\u0061lg":"none"}',
        "an unknown name twice": head[:-1] + ',"x":1,"x":1}',
    }.items():
        signer.refuse(f"the header: {name}", "header", signer.token(head=text))
    signer.refuse("the header: empty", "kid", signer.token(head={}))


def compact(signer):
    token = signer.token()
    head, body, signature = token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(signature[-1])
    respelled = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last ^ 1]
    wrong = {
        "nothing": "",
        "dots": "..",
        "a dot before": "." + token,
        "a dot behind": token + ".",
        "no header": f".{body}.{signature}",
        "no payload": f"{head}..{signature}",
        "five parts, as encrypted tokens have": f"{head}.{body}.{body}.{body}.{signature}",
        "padding in the header": f"{head}=.{body}.{signature}",
        "padding in the payload": f"{head}.{body}=.{signature}",
        "the other alphabet": f"{head}.{body}.+/{signature[2:]}",
        "a tab before": "\t" + token,
        "a space between": f"{head}. {body}.{signature}",
        "letters of no alphabet": f"{head}.{body}é.{signature}",
        "a zero behind": token + "\0",
        "bits that stand for nothing": token[:-1] + respelled,
        "quotes": f'"{token}"',
        "a scheme": f"Bearer {token}",
        "JSON serialization": to_json({"protected": head, "payload": body, "signature": signature}),
        "one letter too many": f"{head}.{body}.{signature}AAA",
    }
    for name, text in wrong.items():
        signer.refuse(f"the parts: {name}", "compact", text)
    for length, fault in [(8192, None), (8193, "compact")]:
        text = padded(signer, length)
        if fault:
            signer.refuse(f"{length} bytes", fault, text)
        else:
            signer.accept(f"{length} bytes", text, told(payload()))


def padded(signer, length):
    """A token of this very length: three more letters for each three bytes, and one header for each rest."""
    for spare in range(3):
        for size in range(length * 3 // 4 - 400, length * 3 // 4):
            head = to_json(header(ALGORITHM, x="x" * spare))
            shape = len(encode(head)) + len(encode(to_json(payload(pad="x" * size)))) + 2 + 86
            if shape == length:
                return signer.token(head=head, body=payload(pad="x" * size))
    raise AssertionError(length)


def types(signer):
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"]:
        signer.accept(f"`typ` is {typ}", signer.token(head=header(ALGORITHM, typ=typ)), told(payload()), is_for_pyjwt=False)
    for typ in [..., "JWT", "", "at+jwt ", "at+jw", "x/at+jwt", "application/application/at+jwt", None, 7, ["at+jwt"]]:
        signer.refuse(f"`typ` is {typ!r}", "type", signer.token(head=header(ALGORITHM, typ=typ)))


def nameless(signer):
    """The only key of an issuer, given as PEM and without a `kid`."""
    signer.accept("no `kid`, and one key", signer.token(head=header(ALGORITHM, kid=...)), told(payload()))
    for kid in ["ES256", "", None, 1]:
        signer.refuse(f"`kid` is {kid!r}, and the one key has none", "kid", signer.token(head=header(ALGORITHM, kid=kid)))
    other = signer.keys.others[ALGORITHM]
    signer.refuse("no `kid`, another key", "signature", signer.token(head=header(ALGORITHM, kid=...), key=other))
    jwk_in_header = header(ALGORITHM, kid=..., jwk={"kty": "EC"})
    signer.refuse("a key in the header", "signature", signer.token(head=jwk_in_header, key=other))


def nesting(signer):
    """Claims that stand in objects, and lists that are objects."""
    for o, fault, tenant, found in [
        ({"id": "org_1|A.b:C", "rol": "admin"}, None, "org_1|A.b:C", ["admin"]),
        ({"id": "org_1", "rol": ["admin", "x"]}, None, "org_1", ["admin", "x"]),
        ({"id": "org_1"}, None, "org_1", []),
        ({}, None, None, []),
        (..., None, None, []),
        (None, "claim", None, []),
        ([], "claim", None, []),
        ("org_1", "claim", None, []),
        ({"id": None}, "claim", None, []),
        ({"id": "org 1"}, "claim", None, []),
        ({"id": "x" * 129}, "claim", None, []),
        ({"id": {"id": "org_1"}}, "claim", None, []),
        ({"id": "org_1", "rol": {}}, "claim", None, []),
    ]:
        claims = payload(o=o)
        name = f"`o` is {o!r}"[:60]
        if fault:
            signer.refuse(name, fault, signer.token(body=claims))
        else:
            signer.accept(name, signer.token(body=claims), told(claims, tenant, [], found))
    listed = payload(organization={"acme": {"id": "f8d3"}, "globex": {"id": "42c3"}})
    signer.accept("a list that is an object", signer.token(body=listed), told(listed, None, ["f8d3", "42c3"]))
    for bad in [["acme"], {"acme": {}}, {"acme": {"id": 7}}, {"acme": "f8d3"}, None, [{"acme": {"id": "f8d3"}}]]:
        signer.refuse(f"`organization` is {bad!r}", "claim", signer.token(body=payload(organization=bad)))
    literal = payload(**{"o.id": "org_1"})
    signer.accept("a name with a dot is another", signer.token(body=literal), told(literal))
