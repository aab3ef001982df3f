"""Measures what must not grow with the store: the time of a mount, and of `cat` of one item. Prints a table in
Markdown: a store of a thousand items beside one of a million, in one run, taking turns.

Usage: scale.py PROGRAM [--quick] [--rounds N]
"""
import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PARTITION = 100  # items
TABLE = "Large"


def rows(count):
    for i in range(count):
        yield b'{"p":"p%06d","s":"%03d","n":%d,"text":"%s"}\n' % (i // PARTITION, i % PARTITION, i, b"x" * 400)


class Store:
    """A store of one table, and where it is mounted."""

    def __init__(self, program, work, count):
        self.program, self.count = program, count
        self.path, self.mount = (os.path.join(work, f"{kind}{count}") for kind in ("store", "mount"))
        os.mkdir(self.mount)
        with subprocess.Popen([program, "import", self.path, TABLE, "--key", "p,s", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL) as importer:
            importer.stdin.writelines(rows(count))
        if importer.returncode:
            raise SystemExit("import failed")

    def start(self):
        """Seconds until the command came back: the mount answers."""
        before = time.monotonic()
        subprocess.run([self.program, self.path, self.mount], check=True)
        return time.monotonic() - before

    def stop(self):
        with open(f"{self.mount}/.status", encoding="utf-8") as file:
            pid = json.load(file)["pid"]
        subprocess.run(["umount", self.mount], check=True)
        while os.path.exists(f"/proc/{pid}"):  # the store is free when its owner has ended
            time.sleep(0.01)

    def cat(self):
        """Seconds of `cat` of an item that was not looked at before, most likely."""
        item = random.randrange(self.count)
        path = f"{self.mount}/{TABLE}/p{item // PARTITION:06d}/{item % PARTITION:03d}.json"
        before = time.monotonic()
        subprocess.run(["cat", path], check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--quick", action="store_true", help="10,000 items instead of a million")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    random.seed(1)
    counts = (1000, 10000 if options.quick else 1000000)
    cats = 20 if options.quick else 200
    work = tempfile.mkdtemp(prefix="dynamount-bench.")
    try:
        stores = [Store(options.program, work, count) for count in counts]
        mounts, reads = ({store: [] for store in stores} for _ in range(2))
        for _ in range(options.rounds):
            for store in stores:
                mounts[store].append(store.start())
            for _ in range(cats):
                for store in stores:
                    reads[store].append(store.cat())
            for store in stores:
                store.stop()
    finally:
        for count in counts:
            subprocess.run(["umount", "-l", f"{work}/mount{count}"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)
    print(f"\nMilliseconds, medians\n\n| | {counts[0]:,} items | {counts[1]:,} items | ratio |\n|---|--:|--:|--:|")
    for name, samples in (("mount", mounts), ("`cat` of one item", reads)):
        small, large = (statistics.median(samples[store]) * 1000 for store in stores)
        print(f"| {name} | {small:.1f} | {large:.1f} | {large / small:.2f} |")
    sys.stdout.flush()


main()
