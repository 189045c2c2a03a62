"""Make demand.csv: the hourly energy demand of a town that does not exist, for a year in which its meaning changes.

What moves demand stays what it is (hour, weekday, temperature, tariff); how it does so changes: in April heat pumps
come, and cold weather costs more each week; in September a new tariff moves the evening's load into the night.
"""

from __future__ import annotations

import csv
import datetime
import math
import random
from pathlib import Path

START = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
HOURS = 365 * 24
PUMPS, TARIFF = 90, 243
"""Days on which heat pumps begin to come, and on which the new tariff begins."""


def rows() -> list[tuple[str, float, float, str, float]]:
    """Moment, temperature, cloud cover, tariff and demand of each hour."""
    random.seed(7)
    found, weather = [], 0.0
    for hour in range(HOURS):
        moment, day = START + datetime.timedelta(hours=hour), hour / 24
        weather = 0.97 * weather + random.gauss(0, 0.9)
        temperature = 10 - 9 * math.cos(2 * math.pi * (day - 15) / 365) - 4 * math.cos(2 * math.pi * (hour - 3) / 24)
        temperature += weather
        cloud = min(1.0, max(0.0, 0.5 + 0.12 * weather + random.gauss(0, 0.2)))
        tariff = "weekend" if moment.weekday() > 4 else "peak" if 7 <= moment.hour < 20 else "night"
        demand = 40 + 14 * math.exp(-(((moment.hour - 8) / 3) ** 2)) + 6 * cloud - 7 * (moment.weekday() > 4)
        moved = min(1.0, max(0.0, (day - TARIFF) / 21))
        evening = 22 * math.exp(-(((moment.hour - 19) / 2.5) ** 2))
        night = 22 * math.exp(-(((moment.hour - 2) / 2.5) ** 2))
        demand += (1 - moved) * evening + moved * night
        pumps = min(2.0, max(0.0, (day - PUMPS) / 60))
        demand += (0.3 + 0.9 * pumps) * max(0.0, 16 - temperature) + 1.1 * max(0.0, temperature - 22)
        found.append(
            (
                f"{moment:%Y-%m-%d %H:%M:%S}",
                round(temperature, 1),
                round(cloud, 2),
                tariff,
                round(demand + random.gauss(0, 2), 1),
            )
        )
    return found


def main() -> None:
    """Write the file beside this one."""
    with (Path(__file__).parent / "demand.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("moment", "temperature", "cloud", "tariff", "demand"))
        writer.writerows(rows())


if __name__ == "__main__":
    main()
