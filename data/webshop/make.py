"""Makes `clicks.jsonl.gz` anew, the same to the byte: a synthetic click stream of a web shop. Needs numpy.

    python data/webshop/make.py

Each visitor has a channel, an own rate of visits (gamma, so a few come very often), an own eagerness to buy, and may
lose interest for good after any visit. A visit has a heavy-tailed number of views; interest grows with what was viewed
and left in the cart. Weekends and evenings are busier. As in real logs, some lines come twice.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

START, DAYS, VISITORS = datetime(2025, 1, 1, tzinfo=UTC), 210, 4_000
WEEKDAYS = np.array([0.9, 0.85, 0.85, 0.9, 1.0, 1.35, 1.3])
HOURS = np.array([1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 6, 6, 5, 5, 5, 6, 8, 10, 11, 10, 6, 3]) / 111
CHANNELS = {"search": (0.45, 0.0), "social": (0.3, -0.9), "mail": (0.15, 0.8), "direct": (0.1, 0.4)}
CATEGORIES = {"books": 14.0, "garden": 35.0, "toys": 22.0, "kitchen": 48.0, "sports": 60.0, "audio": 120.0}


def main() -> None:
    rng = np.random.default_rng(2025)
    lines = [line for number in range(VISITORS) for line in visitor(rng, f"v{number:05d}")]
    lines.sort(key=lambda line: line[0])
    # A hundredth comes again, half an hour late.
    late = [(at + timedelta(minutes=30), text) for at, text in lines if rng.random() < 0.01]
    lines = sorted([*lines, *late], key=lambda line: line[0])
    text = "".join(f"{line}\n" for _, line in lines)
    target = Path(__file__).with_name("clicks.jsonl.gz")
    with target.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())


def visitor(rng: np.random.Generator, name: str) -> list[tuple[datetime, str]]:
    """All that one visitor does, as moments and lines."""
    channel = str(rng.choice(list(CHANNELS), p=[share for share, _ in CHANNELS.values()]))
    eagerness = rng.normal(-2.6 + CHANNELS[channel][1], 1.0)
    gap = 3 + 6 / rng.gamma(0.9, 1.0)
    likes = rng.dirichlet(np.full(len(CATEGORIES), 0.5))
    day, in_cart = rng.uniform(0, DAYS), 0
    lines: list[tuple[datetime, str]] = []
    while day < DAYS:
        start = START + timedelta(days=int(day), hours=float(rng.choice(24, p=HOURS) + rng.random()))
        if rng.random() < WEEKDAYS[start.weekday()] / 1.35:
            in_cart = visit(rng, name, channel, start, eagerness, likes, in_cart, lines)
            if rng.random() < 0.12:
                break
        day += rng.exponential(min(gap, 120.0))
    return lines


def visit(
    rng: np.random.Generator,
    name: str,
    channel: str,
    now: datetime,
    eagerness: float,
    likes: np.ndarray,
    in_cart: int,
    lines: list[tuple[datetime, str]],
) -> int:
    """One visit's lines; the answer is what is left in the cart."""

    def tell(action: str, **props: object) -> None:
        record = {"visitor": name, "ts": now.isoformat(timespec="seconds"), "action": action, "props": props}
        lines.append((now, json.dumps(record, separators=(",", ":"))))

    tell("visit", channel=channel)
    n_views = min(1 + int(rng.pareto(1.6) * 1.5), 40)
    for _ in range(n_views):
        now += timedelta(seconds=5 + float(rng.exponential(40)))
        category = str(rng.choice(list(CATEGORIES), p=likes))
        price = round(CATEGORIES[category] * float(rng.lognormal(0, 0.5)), 2)
        tell("view", category=category, price=price)
        if rng.random() < 1 / (1 + np.exp(-(eagerness + 0.05 * n_views))):
            tell("cart", category=category, price=price)
            in_cart += 1
    if in_cart and rng.random() < 1 / (1 + np.exp(-(eagerness + 1.6 + 0.4 * in_cart))):
        now += timedelta(minutes=1 + float(rng.exponential(3)))
        tell("buy", price=round(in_cart * float(rng.lognormal(3.3, 0.5)), 2), n_items=in_cart)
        in_cart = 0
    return in_cart


if __name__ == "__main__":
    main()
