"""`lexigram-tenancy` in the same table as the Rust libraries: its chain of resolvers, and its ASGI middleware.

Rows take turns, each round begins with another, and the first is measured twice: as `benches/src/report.rs` does.

What is arranged so that the library does its work, and is not slowed by a default that nobody runs with:

- Its chain goes by the priorities of the resolvers and not by the configured order, so they are set here.
- It logs each request at `debug`, and unconfigured it prints that: `configure_logging` sets `INFO`.
- It looks a tenant up by id whichever resolver has found it, so the id is what the request names.
- It ships no membership, and binds nothing from a header without: the least there can be is given to it.

What it does not do: a repeated or malformed field is no refusal, nor is a request without any tenant.
"""

import asyncio
import statistics
import time
from importlib.metadata import version

from lexigram.contracts.tenancy.types import TenantInfo, TenantResolutionContext, TenantStatus
from lexigram.logging import configure_logging
from lexigram.primitives.context import TENANT_ID, create_default_context
from lexigram.tenancy import CompositeResolver, ResolverRegistry, TenantContextMiddleware, TenantValidator

ROUNDS = 101
TURN_NS = 4_000_000
CONTROL = 1.05

FIELDS = {
    "host": "acme.app.example.com",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "application/json",
    "accept-language": "en-US,en;q=0.5",
    "accept-encoding": "gzip, deflate, br",
    "referer": "https://acme.app.example.com/notes",
    "x-request-id": "0b8f4a1e-6f0d-4b6c-9a39-5d8c1c9b3c11",
    "x-tenant-id": "acme",
}
ORDER = ["header", "subdomain", "path", "jwt_claim"]


def chain() -> CompositeResolver:
    registry = ResolverRegistry.from_config(
        ORDER, subdomain_pattern="app.example.com", path_pattern="/api/v1/{tenant_id}/"
    )
    for resolver in registry.ordered():
        resolver.priority = ORDER.index(resolver.name)
    return CompositeResolver(registry)


class Tenants:
    """The store, which the library asks once and keeps the answer of, and the membership."""

    async def get_tenant(self, tenant_id: str) -> TenantInfo | None:
        return TenantInfo(tenant_id=tenant_id, slug=tenant_id, name=tenant_id, status=TenantStatus.ACTIVE)

    async def user_belongs_to_tenant(self, user_id: str, tenant_id: str) -> bool:
        return (user_id, tenant_id) == ("alice", "acme")


def resolves(context: TenantResolutionContext, expected: str):
    resolver = chain()

    async def operation() -> None:
        assert await resolver.resolve_with_source(context) == (expected, "acme")

    return operation


async def receive() -> dict:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: dict) -> None:
    pass


async def answer(send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"notes"})


def request() -> dict:
    headers = [(name.encode(), value.encode()) for name, value in FIELDS.items()]
    return {"type": "http", "method": "GET", "path": "/notes", "headers": headers, "state": {"user_id": "alice"}}


def bare():
    async def app(scope, receive, send) -> None:
        await answer(send)

    async def operation() -> None:
        await app(request(), receive, send)

    return operation


def layered():
    context, tenants = create_default_context(), Tenants()

    async def app(scope, receive, send) -> None:
        assert context.get(TENANT_ID) == "acme"
        await answer(send)

    validator = TenantValidator(tenants, membership=tenants)
    middleware = TenantContextMiddleware(app, chain(), validator, context)

    async def operation() -> None:
        await middleware(request(), receive, send)

    return operation


async def run(operation, times: int) -> int:
    start = time.perf_counter_ns()
    for _ in range(times):
        await operation()
    return time.perf_counter_ns() - start


async def calibrate(operation) -> int:
    times = 1
    while (took := await run(operation, times)) * 2 < TURN_NS:
        times *= 2
    return max(1, times * TURN_NS // took)


async def measure(rows: list) -> list[list[float]]:
    """Nanoseconds of each round of each row. The last is the first once more."""
    columns = [*rows, rows[0]]
    times = [await calibrate(operation) for _, operation in columns]
    measured = [[] for _ in columns]
    for turn in range(ROUNDS):
        for place in range(len(columns)):
            column = (turn + place) % len(columns)
            took = await run(columns[column][1], times[column])
            measured[column].append(took / times[column])
    return measured


def shown(nanoseconds: float) -> str:
    return f"{nanoseconds:.0f} ns" if nanoseconds < 1_000 else f"{nanoseconds / 1_000:.2f} µs"


async def main() -> None:
    configure_logging(level="INFO")
    silent = TenantResolutionContext(
        headers={**FIELDS, "host": "app.example.com", "x-tenant-id": ""},
        host="app.example.com",
        path="/health",
        claims={"tenant_id": "acme"},
    )
    named = TenantResolutionContext(headers=FIELDS, host=FIELDS["host"], path="/api/v1/acme/notes", claims={})
    rows = [
        ("bare ASGI application", bare()),
        ("middleware: header, look-up in its cache, membership", layered()),
        ("chain of four, first matches", resolves(named, "header")),
        ("chain of four, fourth matches", resolves(silent, "jwt_claim")),
    ]
    measured = await measure(rows)
    ratio = statistics.median(one / other for one, other in zip(measured[0], measured[-1]))
    control = max(ratio, 1 / ratio)
    verdict = ". **Void: the machine was not quiet.**" if control > CONTROL else "."
    print(f"### lexigram-tenancy {version('lexigram-tenancy')} (Python)\n")
    print(f"Control (the first row twice): {control:.3f}{verdict}\n")
    print("| row | median | middle half | spread | against | ratio | at most |\n|---|---|---|---|---|---|---|")
    for place, (name, _) in enumerate(rows):
        first, middle, third = statistics.quantiles(measured[place], n=4)
        against = " | | |"
        if place == 1:
            ratios = statistics.median(one / floor for one, floor in zip(measured[1], measured[0]))
            against = f" {rows[0][0]} | {ratios:.2f} | |"
        spread = 100 * (third - first) / middle
        print(f"| {name} | {shown(middle)} | {shown(first)} to {shown(third)} | {spread:.0f} % |{against}")


asyncio.run(main())
