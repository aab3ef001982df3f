"""Isolation on a real mount: processes do random transactions, plain writes, reads, API calls and snapshots on a few
items while dynamount is killed now and then; then judge.py looks for an order that explains all that they saw.

    history.py --dynamount PROGRAM [--seed N] [--seconds N] [--processes N] [--keep DIRECTORY]
    history.py --again DIRECTORY
    history.py --dynamount PROGRAM --suite

A failure prints the seed and what cannot be explained. With --keep the history is kept there, and --again judges it once
more. The same seed makes the same choices, but how processes meet is chance. Every history is also spoiled in several
ways, and the judge must find each. --suite is what the tests run: one short history, or with DYNAMOUNT_LONG ten long ones.
"""
import argparse
import collections
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.append(os.path.dirname(os.path.abspath(__file__)) + "/../tree")

import client
import judge
import mount
import single
import spoil
import views
import world

OPERATIONS = single.OPERATIONS + views.OPERATIONS
SUCCEED = ["put", "set", "lines", "user.update", "unlink", "rename", "read", "names", "documents", "transaction", "token",
           "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "TransactGetItems", "TransactWriteItems"]
WANTED = {("ok", how) for how in SUCCEED} | {("no", "transaction"), ("no", "snapshot")}  # some of each must come to pass
DEFINITIONS = {
    world.FLAT: {"KeySchema": [("id", "HASH")],
                 "GlobalSecondaryIndexes": [{"IndexName": "by_color", "KeySchema": [("color", "HASH"), ("rank", "RANGE")]}]},
    world.TREE: {"KeySchema": [("pk", "HASH"), ("sk", "RANGE")],
                 "LocalSecondaryIndexes": [{"IndexName": "by_rank", "KeySchema": [("pk", "HASH"), ("rank", "RANGE")]}],
                 "GlobalSecondaryIndexes": [{"IndexName": "by_color", "KeySchema": [("color", "HASH")]}]}}


def definition(shape):
    def schema(keys):
        return [{"AttributeName": name, "KeyType": kind} for name, kind in keys]
    made, names = {"KeySchema": schema(shape["KeySchema"])}, dict(shape["KeySchema"])
    for member in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        for index in shape.get(member, []):
            names.update(index["KeySchema"])
            made.setdefault(member, []).append({**index, "KeySchema": schema(index["KeySchema"]),
                                                "Projection": {"ProjectionType": "ALL"}})
    made["AttributeDefinitions"] = [{"AttributeName": name, "AttributeType": "N" if name == "rank" else "S"}
                                    for name in names]
    made["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    return made


def work(directory, mountpoint, process, arguments):
    """A process: operations until it is told to stop; whatever nobody expects is a failure."""
    worker, status = client.Client(directory, mountpoint, process, arguments.processes, arguments.seed), 0
    weights, choices = zip(*OPERATIONS)
    try:
        worker.wait_for(0)
        while not worker.stopped():
            worker.number += 1
            try:
                worker.rng.choices(choices, weights)[0](worker)
            except client.Away:
                worker.wait_for(worker.epoch + 1)
    except BaseException as error:
        status = 1
        print("process %d, operation %d: %r" % (process, worker.number, error), file=sys.stderr)
        traceback.print_exc()
        sys.stderr.flush()
    worker.log.close()
    os._exit(status)


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def records(root):
    """Of all streams, in the order of their numbers."""
    found = []
    for table in (world.FLAT, world.TREE):
        for line in lines("%s/%s/.stream/records.jsonl" % (root, table)):
            record = line["dynamodb"]
            old, new = (world.untyped_item(record.get(name)) for name in ("OldImage", "NewImage"))
            kind = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
            key = world.key_of(table, world.untyped_item(record["Keys"]))
            if line["eventName"] != kind or any(image and world.key_of(table, image) != key for image in (old, new)):
                raise mount.Mismatch("no such record: %s" % line)
            found.append([int(record["SequenceNumber"]), key, *(image and world.document_of(image) for image in (old, new))])
    return sorted(found, key=lambda record: record[0])


def items(root):
    found = {}
    for table in (world.FLAT, world.TREE):
        for item in lines("%s/%s/.items.jsonl" % (root, table)):
            found[world.key_of(table, item)] = world.document_of(item)
    return found


class Run:
    def __init__(self, arguments):
        self.arguments, self.mount = arguments, mount.Mount(arguments.dynamount)
        self.rng, self.lives, self.children = random.Random("%s-all" % arguments.seed), [], []
        self.directory = self.mount.work

    def begin_epoch(self, number):
        with open("%s/epoch.%d" % (self.directory, number), "w"):
            pass

    def play(self):
        """Lets them play, and kills dynamount now and then."""
        self.mount.start()
        for table, shape in DEFINITIONS.items():
            os.mkdir("%s/%s" % (self.mount.path, table))
            with open("%s/%s/.table.json" % (self.mount.path, table), "w") as file:
                json.dump(definition(shape), file)
        for process in range(self.arguments.processes):
            if (child := os.fork()) == 0:
                work(self.directory, self.mount.path, process, self.arguments)
            self.children.append(child)
        self.begin_epoch(0)
        until = time.monotonic() + self.arguments.seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, self.rng.uniform(0.5, 5)))
            if time.monotonic() < until and not self.mount.daemon.poll():
                self.mount.kill()
                self.mount.start()
                self.lives.append([time.monotonic_ns(), len(records(self.mount.path))])
                self.begin_epoch(len(self.lives))
        self.stop()

    def stop(self):
        with open(self.directory + "/stop", "w"):
            pass
        failed = [child for child in self.children if os.waitpid(child, 0)[1]]
        self.children = []
        if failed:
            raise mount.Mismatch("%d processes failed" % len(failed))

    def gather(self):
        """The whole history, as data."""
        told = {"lives": self.lives, "records": records(self.mount.path), "final": items(self.mount.path)}
        self.mount.stop()
        self.mount.check()
        told["log"] = [line for path in sorted(glob.glob(self.directory + "/log.*")) for line in lines(path)]
        return told

    def done(self):
        if self.children:
            try:
                self.stop()
            except mount.Mismatch:
                pass
        self.mount.done()


def look_at(told):
    """Judges a history; it must have all that it could have, and the judge must see what is spoiled in it."""
    problems = judge.verdict(told)
    for problem in problems[:8]:
        print("FAILED: " + problem, file=sys.stderr)
    if problems:
        return "%d things cannot be explained" % len(problems)
    outcomes = collections.Counter((line["outcome"], line["how"]) for line in told["log"])
    if WANTED - outcomes.keys():
        return "never came to pass: %s" % sorted(WANTED - outcomes.keys())
    print("%d operations, %d records, %d lives of dynamount; of transactions %d committed, %d refused, %d unknown" % (
        len(told["log"]), len(told["records"]), len(told["lives"]) + 1,
        *(outcomes[outcome, "transaction"] for outcome in ("ok", "no", "unknown"))))
    blind = [name for name, history in spoil.spoiled(told) if not judge.verdict(history)]
    return "not found: " + ", ".join(blind) if blind else None


def one(arguments):
    """One history; 0, or 1 when something is wrong."""
    run, said, told = Run(arguments), "the mount does not work", None
    try:
        run.play()
        told = run.gather()
        said = look_at(told)
    except mount.Mismatch as error:
        said = str(error)
    finally:
        if arguments.keep and told:
            with open(arguments.keep + "/history.json", "w") as file:
                json.dump(told, file)
        run.done()
    print("seed %s: %s" % (arguments.seed, "FAILED: " + said if said else "well"), flush=True)
    return 1 if said else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dynamount", default=os.environ.get("DYNAMOUNT", "dynamount"))
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(1 << 32)))
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--keep")
    parser.add_argument("--again")
    parser.add_argument("--suite", action="store_true")
    arguments = parser.parse_args()
    if arguments.again:
        with open(arguments.again + "/history.json") as file:
            sys.exit(look_at(json.load(file)))
    if not (arguments.suite and os.environ.get("DYNAMOUNT_LONG")):
        sys.exit(one(arguments))
    arguments.seconds, status = 60, 0
    for _ in range(10):
        arguments.seed = str(random.SystemRandom().randrange(1 << 32))
        status |= one(arguments)
    sys.exit(status)


if __name__ == "__main__":
    main()
