"""Writes tokens that another library signs, good and bad ones, and what must come of each.

    python generate.py FOLDER

writes FOLDER/cases.jsonl, a token a line, and FOLDER/setups.json, the verifiers' configurations and public
keys. Keys are fresh in each run, and private ones are written nowhere. The verdicts are those by which the
tokens are made; where PyJWT can tell, it is asked as well.
"""

import json
import sys
import warnings
from pathlib import Path

import jwt

sys.dont_write_bytecode = True

import each_algorithm
import shapes
from signing import ALGORITHMS, AUDIENCE, ISSUER, NOW, PUBLIC, SECRETS, Keys, pem


def setups(keys):
    """Verifiers by name: the tables of their configurations, and the files that these name."""
    base = {"issuer": ISSUER, "audience": AUDIENCE}
    resolution = {"jwt_claim": "tenant_id"}
    enforcement = {"tenants_claim": "tenants"}

    def by_key_set(algorithms, tables=(), **jwt_settings):
        issuer = {**base, "jwks_file": "keys.json", "algorithms": algorithms}
        default = {"resolution": resolution, "enforcement": enforcement}
        settings = {"roles_claim": "roles", **jwt_settings, "issuers": [issuer]}
        return {"tables": {**default, **dict(tables), "jwt": settings},
                "files": {"keys.json": json.dumps(keys.jwks(algorithms))}}

    only = by_key_set(PUBLIC)
    only["tables"]["jwt"]["issuers"] = [{**base, "keys": [{"algorithm": "ES256", "public_key_file": "key.pem"}]}]
    only["files"] = {"key.pem": pem(keys.ours["ES256"]).decode()}
    organizations = {
        "resolution": {"jwt_claim": ["o", "id"], "jwt_claim_form": "external"},
        "enforcement": {"tenants_claim": "organization"},
    }
    return {
        "public": by_key_set(PUBLIC),
        "secret": by_key_set(SECRETS),
        "typed": by_key_set(PUBLIC, typ="at+jwt"),
        "only": only,
        "nested": by_key_set(PUBLIC, organizations, roles_claim=["o", "rol"], tenants_claim_shape="ids"),
    }


def ask_pyjwt(keys, case):
    """Whether PyJWT agrees. It is asked about signatures, issuers and audiences; time is not its own here."""
    key = keys.ours[case.algorithm]
    key = key if case.algorithm in SECRETS else key.public_key()
    off = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_sub": False, "verify_jti": False}
    try:
        jwt.decode(case.token, key, algorithms=[case.algorithm], audience=AUDIENCE, issuer=ISSUER, options=off)
        return True
    except jwt.InvalidTokenError:
        return False


def main():
    folder = Path(sys.argv[1])
    # Secrets have the least length that is allowed, which PyJWT finds worth a warning for HS384 under HS512.
    warnings.simplefilter("ignore")
    keys = Keys()
    cases = [case for algorithm in ALGORITHMS for case in each_algorithm.cases(keys, algorithm)]
    cases += shapes.cases(keys)
    asked = 0
    for case in cases:
        if case.fault is None and case.is_for_pyjwt:
            assert ask_pyjwt(keys, case), f"PyJWT refuses {case.algorithm}: {case.name}"
            asked += 1
        elif case.fault in ("signature", "algorithm", "audience", "issuer"):
            assert not ask_pyjwt(keys, case), f"PyJWT accepts {case.algorithm}: {case.name}"
            asked += 1
    names = [(case.algorithm, case.setup, case.name) for case in cases]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(case.to_dict(), separators=(",", ":")) for case in cases)
    (folder / "cases.jsonl").write_text("".join(line + "\n" for line in lines))
    (folder / "setups.json").write_text(json.dumps({"now": NOW, "issuer": ISSUER, "setups": setups(keys)}, indent=1) + "\n")
    print(f"{len(cases)} tokens, {asked} of them judged by PyJWT, too")


main()
