"""Which port each part of the platform listens on, for the usual instance and for a second one beside it."""

from dataclasses import dataclass

FIRST_UNPRIVILEGED_PORT = 1024
LAST_PORT = 65_535

# The highest offset handed out; --port-base must leave room for it.
SPAN = 60
REPLICAS_FROM = 50
"""Where further gateways begin, from the first's port."""
GATEWAYS_MAX = 1 + (SPAN - REPLICAS_FROM) // 2


@dataclass(frozen=True)
class Ports:
    """Every port of one instance; all of them are bound to loopback."""

    gateway: int
    exchange: int
    feed_admin: int
    pricer_admin: int
    quoter_admin: int
    risk_admin: int
    further_admin: int
    nats: int
    nats_monitor: int
    redis: int
    pricing: int

    @property
    def watchdog_admin(self) -> int:
        return self.further_admin

    @property
    def gateway_admin(self) -> int:
        return self.further_admin + 1

    @property
    def bonds_admin(self) -> int:
        return self.further_admin + 2

    def replica(self, number: int) -> tuple[int, int]:
        """Return the port and the admin port of a further gateway, the second, third and so on."""
        first = self.gateway + REPLICAS_FROM + 2 * (number - 2)
        return first, first + 1

    def listening(self, gateways: int = 1) -> dict[str, int]:
        """Return the ports that `mm up` opens, by what listens there."""
        replicas: dict[str, int] = {}
        for number in range(2, gateways + 1):
            replicas[f"gateway-{number}"], replicas[f"gateway-{number} admin"] = self.replica(number)
        return replicas | {
            "gateway": self.gateway,
            "exchange": self.exchange,
            "feed admin": self.feed_admin,
            "pricer admin": self.pricer_admin,
            "quoter admin": self.quoter_admin,
            "risk admin": self.risk_admin,
            "watchdog admin": self.watchdog_admin,
            "gateway admin": self.gateway_admin,
            "NATS": self.nats,
            "NATS monitor": self.nats_monitor,
            "Redis": self.redis,
        }


USUAL = Ports(
    gateway=8080,
    exchange=9000,
    feed_admin=8101,
    pricer_admin=8102,
    quoter_admin=8103,
    risk_admin=8104,
    further_admin=8110,
    nats=4222,
    nats_monitor=8222,
    redis=6379,
    pricing=8855,
)


def port_map(base: int | None) -> Ports:
    """Return the usual ports, or with a base N those shifted to N: gateway N, exchange N+1, NATS N+20, Redis N+22."""
    if base is None:
        return USUAL
    if not FIRST_UNPRIVILEGED_PORT <= base <= LAST_PORT - SPAN:
        raise ValueError(f"port-base {base}: must be between {FIRST_UNPRIVILEGED_PORT} and {LAST_PORT - SPAN}")
    return Ports(
        gateway=base,
        exchange=base + 1,
        feed_admin=base + 11,
        pricer_admin=base + 12,
        quoter_admin=base + 13,
        risk_admin=base + 14,
        further_admin=base + 40,
        nats=base + 20,
        nats_monitor=base + 21,
        redis=base + 22,
        pricing=base + 30,
    )
