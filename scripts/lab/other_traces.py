#!/usr/bin/env python3
"""Traces for the replay from a second simulator, which shares nothing with the attack lab.

Whoever tunes a detector on one simulator learns the simulator too. This one was written apart from the
lab, after the detector was tuned, from the same published figures: other number plans, other habits,
other addresses. `--addresses scattered` gives every person an address anywhere in the world, which is
harsher than life: nothing is told by where a request comes from. `--addresses home` gives each country a
range of its own.

    python3 scripts/lab/other_traces.py A3 --seed 1 --daily 20000 --addresses home > a3.csv
    cargo run --release --features testing --example replay -- a3.csv

Four ordinary days come before the day of the scenario; S3 lasts three, S7 and S11 two. The scenarios S1
to S6 were written when the rules of decision 61 were fixed, S7 and S8 after decision 63, S9 to S12 after
decision 66, S13 and S14 after decision 71: each to look at, and not to tune by (decision 71 was chosen by
S10). Python 3.10, standard library only.
"""

import argparse
import math
import random
import sys

HOUR = 3_600_000
DAY = 24 * HOUR
START = 20_717 * DAY
ORDINARY_DAYS = 4
RETURNING = 0.55
BEHIND_NAT = 0.45
TRIES_AGAIN = 0.37
SOLVES = {"person": 0.93, "bot": 0.20, "farm": 0.90}

# calling code, digits, price in millionths of a dollar, conversion, share of traffic, ranges of a million,
# leading digits of mobile numbers
COUNTRIES = {
    "US": ("1", 11, 6_300, 0.85, 180, 220, "202 303 415 512 617 702 808 917 312 404 213 646"),
    "GB": ("44", 12, 46_400, 0.85, 90, 80, "74 75 77 78 79"),
    "DE": ("49", 12, 100_000, 0.83, 70, 90, "151 152 160 170 171 172 175 176"),
    "FR": ("33", 11, 77_800, 0.83, 60, 70, "6 7"),
    "IN": ("91", 12, 8_500, 0.74, 150, 400, "98 97 96 95 94 70 81"),
    "BR": ("55", 13, 16_700, 0.76, 90, 150, "119 219 319 419 519"),
    "ID": ("62", 12, 33_400, 0.70, 70, 180, "812 813 821 852 857"),
    "MX": ("52", 12, 33_200, 0.78, 60, 100, "55 33 81 22"),
    "PK": ("92", 12, 22_600, 0.60, 30, 120, "300 301 321 333 345"),
    "NG": ("234", 13, 31_400, 0.55, 30, 100, "803 806 813 703 905"),
    "EG": ("20", 12, 49_200, 0.60, 30, 60, "10 11 12"),
    "PH": ("63", 12, 35_500, 0.62, 45, 90, "917 905 915 927 998"),
    "BD": ("880", 13, 84_600, 0.58, 20, 100, "17 18 19 16"),
    "VN": ("84", 11, 39_900, 0.70, 15, 80, "90 91 93 96 97"),
    "LK": ("94", 11, 69_000, 0.62, 8, 20, "71 77 76 72"),
    "UZ": ("998", 12, 141_100, 0.65, 5, 12, "90 91 93 94 97"),
    "AZ": ("994", 12, 146_200, 0.65, 4, 10, "50 51 55 70"),
    # nobody's customers: attackers and launches only
    "DZ": ("213", 12, 165_600, 0.62, 0, 30, "55 66 77"),
    "KG": ("996", 12, 56_400, 0.62, 0, 8, "70 55 77"),
    "TJ": ("992", 12, 60_700, 0.60, 0, 8, "92 93 98"),
    "ML": ("223", 11, 192_700, 0.58, 0, 15, "7 6"),
}
# share of a day's traffic by hour
HOURS = [
    0.28, 0.17, 0.12, 0.10, 0.10, 0.14, 0.28, 0.52, 0.78, 0.95, 1.00, 1.00,
    1.02, 1.02, 1.00, 1.00, 1.02, 1.08, 1.16, 1.22, 1.20, 1.05, 0.78, 0.48,
]
HEADER = "at_ms,phone,ip,session,solves,converts_after_ms,delivered,price_microusd,label"


def block(country, index):
    """The leading digits of a range of a million numbers."""
    code, digits, *_, leads = COUNTRIES[country]
    draw = random.Random(f"{country} {index}")
    prefix = code + draw.choice(leads.split())
    return (prefix + "".join(draw.choice("0123456789") for _ in range(6)))[: digits - 6]


def price_of(phone):
    """What a text to the number costs; no calling code of the table begins with another."""
    return next(row[2] for row in COUNTRIES.values() if phone.startswith(row[0]) and len(phone) == row[1])


def check_digit(body):
    """The last digit by which the whole passes Luhn's test."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return str(-sum(digit // 10 + digit % 10 for digit in doubled) % 10)


def anywhere(draw):
    """An address somewhere in the world."""
    return f"{draw.randrange(11, 223)}.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}"


class Traffic:
    """Rows, honest and not."""

    def __init__(self, seed, daily, scattered, last_days=1):
        self.draw = random.Random(seed)
        self.last_days = last_days
        self.daily, self.scattered = daily, scattered
        self.rows, self.sessions = [], 0
        # as many as five days bring: fewer, and the same person would come back every hour
        people = {country: 5 * daily * row[4] // 1_000 for country, row in COUNTRIES.items()}
        self.customers = {c: [self.number(c) for _ in range(count)] for c, count in people.items()}

    def row(self, at, phone, ip, who, code_after, delivered, price, label, session):
        solves = int(self.draw.random() < SOLVES[who])
        after = "" if code_after is None else int(code_after)
        self.rows.append((int(at), f"+{phone}", ip, session, solves, after, delivered, price, label))

    def session(self):
        self.sessions += 1
        return f"s{self.sessions}"

    def number(self, country):
        ranges = COUNTRIES[country][5]
        index = min(ranges - 1, int(ranges * self.draw.random() ** 1.8))
        return f"{block(country, index)}{self.draw.randrange(10**6):06d}"

    def address(self, country, who):
        draw = random.Random(f"{country} {who}")
        if self.scattered:
            return anywhere(draw)
        first = random.Random(country).randrange(20, 200)
        return f"{first}.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}"

    def shared_address(self, country):
        """A carrier's translated address: one for each ten codes a day, popular ones more often."""
        addresses = max(1, self.daily * COUNTRIES[country][4] // 10_000)
        return self.address(country, f"nat {int(addresses * self.draw.random() ** 2)}")

    def person(self, at, country, new, label, converts=1.0, lost=0.0, resends=0, phone=None, ip=None):
        """Asks, waits, types, and perhaps asks again."""
        _, _, price, conversion, *_ = COUNTRIES[country]
        draw = self.draw
        if phone is None and not new and self.customers[country]:
            phone, label = draw.choice(self.customers[country]), "legit:returning"
        if phone is None:
            phone = self.number(country)
            self.customers[country].append(phone)
        shared = draw.random() < BEHIND_NAT
        ip = ip or (self.shared_address(country) if shared else self.address(country, phone))
        arrives = draw.random() >= lost
        enters = arrives and draw.random() < conversion * converts
        typing = 1_000 * (draw.lognormvariate(math.log(3), 0.5) + draw.lognormvariate(math.log(13.5), 0.75))
        delivered = int(enters or (arrives and draw.random() < 0.95))
        session = self.session()

        def ask(when, code):
            self.row(when, phone, ip, "person", code, delivered, price, label, session)

        ask(at, typing if enters else None)
        if not enters and draw.random() < TRIES_AGAIN:
            ask(at + draw.uniform(35_000, 90_000), typing if arrives and draw.random() < 0.5 else None)
        for again in range(resends):
            ask(at + (again + 1) * draw.uniform(31_000, 120_000), None)

    def days(self, change):
        """Ordinary days and the day of the scenario; `change(country, hour)` says what is different."""
        shares = {country: row[4] for country, row in COUNTRIES.items() if row[4]}
        for hour in range((ORDINARY_DAYS + self.last_days) * 24):
            for country, share in shares.items():
                what = change(country, hour - ORDINARY_DAYS * 24)
                mean = self.daily * share / sum(shares.values()) * HOURS[hour % 24] / sum(HOURS)
                for _ in range(self.poisson(mean * what.get("times", 1))):
                    at = START + (hour + self.draw.random()) * HOUR
                    new = self.draw.random() < what.get("new", 1 - RETURNING)
                    resends = what.get("resends", 0) if self.draw.random() < 0.6 else 0
                    self.person(at, country, new, "legit:new", what.get("converts", 1.0),
                                what.get("lost", 0.0), resends)

    def poisson(self, mean):
        if mean > 30:
            return max(0, round(self.draw.gauss(mean, math.sqrt(mean))))
        limit, product, count = math.exp(-mean), self.draw.random(), 0
        while product > limit:
            product, count = product * self.draw.random(), count + 1
        return count

    def attack(self, label, start, a_minute, hours, phones, addresses, price, entered=0.0, who="bot",
               types=(8_000, 30_000), delivered=1, again=0):
        """`types`: when a code is entered; `again`: so many times each session asks for another text."""
        for count in range(int(a_minute * 60 * hours)):
            at = start + count * 60_000 / a_minute + self.draw.uniform(0, 500)
            code = self.draw.uniform(*types) if self.draw.random() < entered else None
            phone, ip, session = phones(count), addresses(count), self.session()
            cost = price if price is not None else price_of(phone)
            for press in range(1 + again):
                self.row(at + press * 40_000, phone, ip, who, code, delivered, cost, f"attack:{label}", session)


def no_change(_country, _hour):
    return {}


# what differs on the last day: in which countries, from which hour to which
ANOMALIES = {
    "N2": ({"VN"}, 10, 14, {"times": 10, "new": 0.9}),
    "N3": ({"US"}, 16, 19, {"lost": 0.35}),
    "N4": (set(COUNTRIES), 10, 11, {"lost": 1.0}),
    "N7": ({"PH"}, 10, 16, {"lost": 1.0, "resends": 2}),
    "N8": ({"PH"}, 10, 14, {"times": 6, "lost": 0.4, "new": 0.8}),
    "S13": ({"VN"}, 10, 14, {"times": 10, "new": 0.9}),
    "X1": ({"PK"}, -24 * ORDINARY_DAYS, 24, {"converts": 0.5}),
}


def anomaly(name):
    if name not in ANOMALIES:
        return no_change
    countries, first, end, what = ANOMALIES[name]
    return lambda country, hour: what if country in countries and first <= hour < end else {}


def scenario(name, traffic):
    """What happens on the last day beside the people."""
    draw = traffic.draw
    midnight = START + ORDINARY_DAYS * DAY
    start = midnight + 10 * HOUR
    proxies = [anywhere(draw) for _ in range(10_000)]

    def inside(prefix, free):
        return lambda _count: f"{prefix}{draw.randrange(10**free):0{free}d}"

    def somewhere(prefixes, free):
        return lambda _count: f"{draw.choice(prefixes)}{draw.randrange(10**free):0{free}d}"

    def fresh(_count):
        return anywhere(draw)

    def some_range(country):
        return block(country, draw.randrange(COUNTRIES[country][5]))

    def busy_range(country):
        return block(country, draw.randrange(max(1, COUNTRIES[country][5] // 10)))

    def at_home(country):
        return lambda count: traffic.address(country, f"bot {count}")

    if name == "A1":
        prefix = block("UZ", 3) + "42"
        traffic.attack(name, start, 60, 2, lambda n: f"{prefix}{n % 10**4:04d}",
                       lambda n: proxies[n % 200], 141_100)
    elif name == "A2":
        traffic.attack(name, start, 1_000, 0.5, inside(block("AZ", 2) + "7", 5),
                       lambda n: proxies[n % 5_000], 146_200)
    elif name == "A3":
        prefixes = [f"{some_range(c)}{draw.randrange(100):02d}" for c in COUNTRIES for _ in range(5)]
        traffic.attack(name, start, 200, 3, somewhere(prefixes, 4), lambda _n: draw.choice(proxies), 80_000)
    elif name == "A4":
        prefixes = [f"{some_range(c)}{draw.randrange(10)}" for c in list(COUNTRIES)[:10] for _ in range(2)]
        traffic.attack(name, midnight, 1, 24, somewhere(prefixes, 5), fresh, 80_000)
    elif name == "A5":
        traffic.attack(name, start, 30, 4, inside(block("BR", 0), 6), fresh, 16_700)
    elif name == "A6":
        traffic.attack(name, start, 20, 6, inside(block("ID", 5) + "1", 5), fresh, 33_400, 0.7)
    elif name == "A7":
        traffic.attack(name, start, 20, 6, inside(block("LK", 4) + "1", 5), fresh, 69_000, 0.3)
    elif name == "A14":
        prefixes = [block(country, 1) for country in ("DZ", "KG", "EG")]
        traffic.attack(name, start, 1_000, 4, somewhere(prefixes, 6), lambda _n: draw.choice(proxies), 90_000)
    elif name == "S1":
        # thinly over the country with most customers, from that country's own addresses
        traffic.attack(name, start, 8, 12, lambda _n: traffic.number("US"), at_home("US"), 6_300)
    elif name == "S2":
        # the same, as heavy as the host's own traffic there
        traffic.attack(name, start, 40, 6, lambda _n: traffic.number("IN"), at_home("IN"), 8_500)
    elif name == "S3":
        # three days, a request every forty seconds, wherever the host has customers
        countries = [c for c, row in COUNTRIES.items() if row[4]]
        traffic.attack(name, midnight, 1.5, 72, lambda _n: traffic.number(draw.choice(countries)), fresh,
                       None)
    elif name == "S4":
        # twelve blocks at once among customers
        prefixes = [f"{busy_range(c)}{draw.randrange(100):02d}" for c in ("GB", "BR", "MX", "PH")
                    for _ in range(3)]
        traffic.attack(name, start, 60, 3, somewhere(prefixes, 4), fresh, None)
    elif name == "S5":
        # six wider ones, half of the requests from the countries' own networks
        where = [(c, f"{busy_range(c)}{draw.randrange(10)}") for c in ("US", "ID", "DE") for _ in range(2)]
        prefix = [where[draw.randrange(6)] for _ in range(60 * 60 * 4)]

        def half(count):
            country = prefix[count][0]
            return traffic.address(country, f"bot {count}") if draw.random() < 0.5 else anywhere(draw)

        traffic.attack(name, start, 60, 4, lambda n: f"{prefix[n][1]}{draw.randrange(10**5):05d}", half, None)
    elif name == "S6":
        # a farm that passes nine of ten step-ups, in ranges of three countries
        prefixes = [block(c, 1) for c in ("VN", "EG", "BD")]
        traffic.attack(name, start, 60, 5, somewhere(prefixes, 6), fresh, None, who="farm")
    elif name == "S7":
        # two days, forty blocks of ten thousand among customers, one request a minute
        countries = [c for c, row in COUNTRIES.items() if row[4]]
        prefixes = [f"{some_range(c)}{draw.randrange(100):02d}" for c in countries[:10] for _ in range(4)]
        traffic.attack(name, midnight, 1, 48, somewhere(prefixes, 4), fresh, None)
    elif name == "S8":
        # a day in eight ranges of a million in four countries, two a minute, one code of ten entered
        prefixes = [some_range(c) for c in ("FR", "ID", "PH", "EG") for _ in range(2)]
        traffic.attack(name, midnight, 2, 24, somewhere(prefixes, 6), fresh, None, entered=0.1)
    elif name == "S9":
        # numbers with a check digit, in order, in three blocks, from the gateways that customers share
        where = [(c, f"{busy_range(c)}{draw.randrange(10)}") for c in ("GB", "MX", "PH")]

        def checked(count):
            body = f"{where[count % 3][1]}{count // 3 * 7 % 10**4:04d}"
            return body + check_digit(body)

        traffic.attack(name, start, 12, 6, checked, lambda n: traffic.shared_address(where[n % 3][0]), None)
    elif name == "S10":
        # numbers that nobody holds, in eight blocks of four countries; each asks twice, and no text arrives
        prefixes = [f"{some_range(c)}{draw.randrange(10)}" for c in ("DE", "BR", "PK", "VN") for _ in range(2)]
        traffic.attack(name, start, 3, 10, somewhere(prefixes, 5), fresh, None, delivered=0, again=1)
    elif name == "S11":
        # two days, no number and no block twice, in all countries, from one country's gateways
        countries = [c for c, row in COUNTRIES.items() if row[4]]
        traffic.attack(name, midnight, 2, 48, lambda _n: traffic.number(draw.choice(countries)),
                       lambda _n: traffic.shared_address("GB"), None)
    elif name == "S12":
        # two of five codes are entered, but five minutes later, in two ranges of one country
        prefixes = [busy_range("ID") for _ in range(2)]
        traffic.attack(name, start, 10, 8, somewhere(prefixes, 6), fresh, None, entered=0.4,
                       types=(240_000, 290_000))
    elif name == "S13":
        # while a country's customers come ten times as often, in ranges where they come from
        prefixes = [busy_range("VN") for _ in range(3)]
        traffic.attack(name, start, 30, 4, somewhere(prefixes, 6), fresh, None)
    elif name == "S14":
        # a minute on and twenty to sixty off, for a day, each time another ten thousand numbers
        countries = [c for c, row in COUNTRIES.items() if row[4]]
        at = midnight
        while at < midnight + DAY:
            prefix = f"{some_range(draw.choice(countries))}{draw.randrange(100):02d}"
            traffic.attack(name, at, 60, 1 / 60, inside(prefix, 4), fresh, None)
            at += draw.uniform(20, 60) * 60_000
    elif name == "N5":
        for count in range(60):
            traffic.person(start + count * 30_000, "DE", True, "legit:company",
                           phone=f"{block('DE', 2)}5512{count + 10}", ip="198.51.100.7")
    elif name == "N6":
        for count in range(30 * 60 * 4):
            traffic.person(start + count * 2_000, "DZ", True, "legit:launch")
    elif name == "N9":
        for count in range(600):
            traffic.person(start + count * 18_000, "FR", True, "legit:campus", ip="203.0.113.9")


NAMES = ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A14", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12",
         "S13", "S14", "N1", "N5", "N6", "N9", *ANOMALIES]


def main():
    parser = argparse.ArgumentParser(description="A trace for the replay, from a second simulator.")
    parser.add_argument("scenario", choices=sorted(NAMES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--daily", type=int, default=20_000, help="honest codes a day")
    parser.add_argument("--addresses", choices=["home", "scattered"], default="home")
    options = parser.parse_args()
    last_days = {"S3": 3, "S7": 2, "S11": 2}.get(options.scenario, 1)
    traffic = Traffic(options.seed, options.daily, options.addresses == "scattered", last_days)
    traffic.days(anomaly(options.scenario))
    scenario(options.scenario, traffic)
    traffic.rows.sort(key=lambda row: row[0])
    lines = [HEADER, *(",".join(map(str, row)) for row in traffic.rows)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
