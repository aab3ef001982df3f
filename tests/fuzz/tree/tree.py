"""Fuzzes a whole mounted tree: several processes do random operations and compare what they see with a model in memory.
Now and then the store is mounted anew, and now and then dynamount is killed first: what was acknowledged is there.

    tree.py --dynamount PROGRAM [--seed N] [--ops N] [--processes N] [--log DIRECTORY]
    tree.py --dynamount PROGRAM --suite
    tree.py --dynamount PROGRAM --replay FILE

A failure prints the seed and the last calls of the process that saw it, in a form that --replay runs again on a fresh
store: alone, so that it shows what does not need the others. With --log all calls of each process go to a file.
The same seed makes the same choices, but how processes meet is chance. --suite is what the tests run: one seed, or with
DYNAMOUNT_LONG ten times as many operations of that one and of a random one.
"""
import argparse
import ctypes
import directories
import files
import model
import names
import os
import random
import scratchdirs
import shared
import socket
import sys
import tables
import time
import traceback
from mount import Mismatch, Mount
from syscalls import Calls, libc
from worker import Worker

FAMILIES = [(20, files), (12, names), (5, directories), (4, tables), (4, scratchdirs), (8, shared)]
OPERATIONS = [(weight * share / sum(w for w, _ in family.OPERATIONS), operation)
              for share, family in FAMILIES for weight, operation in family.OPERATIONS]
WEIGHTS, CHOICES = [weight for weight, _ in OPERATIONS], [operation for _, operation in OPERATIONS]
ACTIVE_MAX = 8
STABLE = 700  # names that are always there
SUITE_OPS = 8000
MS_NOSUID, MS_NODEV, MS_REMOUNT = 2, 4, 32  # as in sys/mount.h
EPOCH = 400  # operations between two looks at the whole


# ---- A process ----

def turn(worker):
    """One step: of an operation under way, or of a new one."""
    rng = worker.rng
    if worker.active and (len(worker.active) >= ACTIVE_MAX or rng.random() < 0.5):
        operation = rng.choice(worker.active)
    else:
        operation = rng.choices(CHOICES, WEIGHTS)[0](worker)
        worker.active.append(operation)
    if next(operation, "end") == "end":
        worker.active.remove(operation)


def finish(worker):
    while worker.active:
        operation = worker.active[0]
        if next(operation, "end") == "end":
            worker.active.remove(operation)
    close_streams(worker)


def close_streams(worker):
    for number in sorted(worker.streams):
        worker.calls.closedir(number)
    worker.streams.clear()


def forsake(worker):
    """dynamount was killed: what is open is lost, and what it would have become with it."""
    while worker.active:
        worker.active.pop().close()
    close_streams(worker)
    worker.busy.clear()


def verify(worker):
    """All that is ours."""
    for table in worker.tree.tables.values():
        for key in worker.keys.get(table.name, list(table.items)):
            if not files.absent_and_busy(worker, table, key):
                worker.check_item(table, key)
        for partition in table.partitions():
            directories.check_names(worker, table.directory(partition), worker.calls.list(table.directory(partition)))
        directories.check_names(worker, table.name, worker.calls.list(table.name))
    for path in worker.tree.scratch:
        if not worker.busy[path]:
            worker.check_scratch(path)
    for path in sorted(worker.tree.scratch_dirs):
        directories.check_names(worker, path, worker.calls.list(path))


def obey(worker, command):
    if command[0] == "run":
        for _ in range(int(command[1])):
            turn(worker)
    elif command[0] == "finish":
        finish(worker)
    elif command[0] == "forsake":
        forsake(worker)
    elif command[0] == "remounted":
        worker.calls.note("mounted anew")
        worker.tree.remounted()
    verify(worker) if command[0] in ("finish", "remounted") else None


def work(arguments, mount, process, channel):
    """Obeys commands until there are no more. Answers "ok" with some figures, or what went wrong."""
    log = open("%s/%d" % (arguments.log, process), "w") if arguments.log else None
    worker = Worker(mount.path, process, arguments.seed, log)
    worker.stable = STABLE
    stream = channel.makefile("rw")
    for line in stream:
        try:
            obey(worker, line.split())
            answer = "ok %d %d" % (worker.calls.count, worker.stale)
        except BaseException as error:
            answer = "failed"
            print("process %d, seed %s: %s" % (process, arguments.seed, error), file=sys.stderr)
            if not isinstance(error, Mismatch):
                traceback.print_exc()
            print("  after %d calls, the last of which were" % worker.calls.count, file=sys.stderr)
            worker.calls.show()
            sys.stderr.flush()
        stream.write(answer + "\n")
        stream.flush()
    os._exit(0)


# ---- The whole ----

class Fuzzer:
    def __init__(self, arguments, mount):
        self.arguments, self.mount = arguments, mount
        self.rng = random.Random("%s-all" % arguments.seed)
        self.channels = []
        self.calls = self.stale = 0

    def fork(self):
        for process in range(self.arguments.processes):
            ours, theirs = socket.socketpair()
            if os.fork() == 0:
                for other in [ours, *self.channels]:
                    other.close()
                work(self.arguments, self.mount, process, theirs)
            theirs.close()
            self.channels.append(ours)
        self.channels = [channel.makefile("rw") for channel in self.channels]

    def tell(self, *command):
        for channel in self.channels:
            channel.write(" ".join(command) + "\n")
            channel.flush()

    def hear(self):
        answers = [channel.readline().split() for channel in self.channels]
        if any(answer[:1] != ["ok"] for answer in answers):
            raise Mismatch("a process failed")
        self.calls, self.stale = (sum(int(answer[i]) for answer in answers) for i in (1, 2))

    def command(self, *command):
        self.tell(*command)
        self.hear()

    def forget(self):
        """The kernel forgets what it knows of the tree and nobody uses: a remount that changes nothing does that."""
        flags = MS_REMOUNT | MS_NOSUID | MS_NODEV
        if libc.mount(b"none", os.fsencode(self.mount.path), None, flags, None):
            raise OSError(ctypes.get_errno(), "mount")

    def epoch(self):
        self.tell("run", str(EPOCH))
        if self.rng.random() < 0.3:
            self.forget()
        self.hear()
        end = self.rng.random()
        if end < 0.15:
            self.mount.kill()
            self.command("forsake")
        elif end < 0.3:
            self.command("finish")
            self.mount.stop()
        if end < 0.3:
            self.mount.check()
            self.mount.start()
            self.command("remounted")

    def run(self):
        for _ in range(max(1, self.arguments.ops // EPOCH)):
            self.epoch()
        self.command("finish")
        self.mount.stop()
        self.mount.check()


def prepare(mount):
    """What all processes share."""
    for name, keys in model.SHARED_TABLES.items():
        os.mkdir("%s/%s" % (mount.path, name))
        with open("%s/%s/.table.json" % (mount.path, name), "w") as f:
            f.write(str(model.definition(keys)).replace("'", '"'))
    os.mkdir(mount.path + "/Parts/shared")
    with open(mount.path + "/Parts/shared/stays.json", "w") as f:
        f.write("{}")  # so that the partition outlives a remount
    with open(mount.path + "/Simple/.items.jsonl", "w") as f:
        f.write("".join('{"id": "stable%d", "text": "%s"}\n' % (i, "x" * (i % 90)) for i in range(STABLE)))


def replay(mount, name):
    """Runs the calls of a trace, or of a log, on a fresh store and says what comes of each."""
    calls = Calls(mount.path)
    for line in open(name):
        line = line.strip()
        if line and not line.startswith(("#", "note")):
            call = eval(line, {"__builtins__": {}}, Caller(calls))
            print("%s  now %s" % (line, repr(call)[:300]))


class Caller(dict):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def __missing__(self, name):
        return getattr(self.calls, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dynamount", default=os.environ.get("DYNAMOUNT", "dynamount"))
    parser.add_argument("--seed", default="1")
    parser.add_argument("--ops", type=int, default=2000, help="operations of each process")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--log")
    parser.add_argument("--replay")
    parser.add_argument("--suite", action="store_true")
    arguments = parser.parse_args()
    if not arguments.suite:
        sys.exit(fuzz(arguments))
    arguments.ops = SUITE_OPS * (10 if os.environ.get("DYNAMOUNT_LONG") else 1)
    status = fuzz(arguments)
    if os.environ.get("DYNAMOUNT_LONG"):
        arguments.seed = str(random.SystemRandom().randrange(1 << 32))
        status = fuzz(arguments) or status
    sys.exit(status)


def fuzz(arguments):
    """One run on a store of its own; 0, or 1 when something is wrong."""
    mount = Mount(arguments.dynamount)
    status, began = 1, time.monotonic()
    try:
        mount.start()
        prepare(mount)
        if arguments.replay:
            replay(mount, arguments.replay)
        else:
            fuzzer = Fuzzer(arguments, mount)
            fuzzer.fork()
            fuzzer.run()
            print("seed %s: %d processes, %d operations each, %d calls in %.0f s, %d times ESTALE" % (
                arguments.seed, arguments.processes, arguments.ops, fuzzer.calls, time.monotonic() - began, fuzzer.stale))
        status = 0
    except Mismatch as error:
        print("FAILED: seed %s: %s\n%s" % (arguments.seed, error, mount.refusals()), file=sys.stderr)
    finally:
        mount.done()
    return status


if __name__ == "__main__":
    main()
