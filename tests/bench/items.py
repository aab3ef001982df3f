#!/usr/bin/env python3
"""Items as JSON lines on standard output, the same at every run: items.py COUNT PARTITIONS

Orders of customers, about 540 bytes each as a file: names and places are those of the ISO lists where these are
installed. Keys: customer (partition) and order (sort).
"""
import json
import random
import sys

ISO = "/usr/share/iso-codes/json/iso_3166-2.json"


def places():
    try:
        with open(ISO, encoding="utf-8") as file:
            return [(entry["code"], entry["name"], entry["type"]) for entry in json.load(file)["3166-2"]]
    except OSError:
        return [(f"XX-{i:03d}", f"Place number {i}", "Canton") for i in range(500)]


def main():
    count, partitions = int(sys.argv[1]), int(sys.argv[2])
    dice = random.Random(540)
    towns = places()
    for i in range(count):
        code, name, kind = dice.choice(towns)
        lines = [
            {"article": f"A-{dice.randrange(10 ** 6):06d}", "count": dice.randrange(1, 9),
             "price": dice.randrange(100, 99999) / 100}
            for _ in range(2)
        ]
        print(json.dumps({
            "customer": f"C{i % partitions:05d}",
            "order": f"2026-{i % 12 + 1:02d}-{i // partitions:06d}",
            "address": {"place": name, "code": code, "kind": kind, "street": f"{dice.randrange(1, 400)} Main Street"},
            "lines": lines,
            "paid": i % 3 == 0,
            "note": "Leave it with the neighbours if nobody answers the door, and call before you come, please.",
            "reference": f"{dice.getrandbits(128):032x}",
        }, ensure_ascii=False))


main()
