"""A process of a history: what it may call, its random numbers, and its log, one JSON line for each operation:
  id, process and epoch (which life of dynamount), how it was done, begin [from, to] of the view it saw (or absent),
  commit [from, to] of its effect (or absent), outcome ok | no | unknown, and steps (world.py).
Times are of the clock that all processes share. Paths are relative to the working directory, which is the mount of one life
of dynamount: one that died answers ENOTCONN for ever, and never as the empty directory below it.
"""
import errno
import json
import os
import random
import time
import world

GONE = {errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV, errno.EIO}  # what the calls under way get when dynamount dies
STALE_TRIES = 20


class Away(Exception):
    """dynamount died; nobody knows what became of the call."""


class Refused(Exception):
    """The call failed, and nothing happened. `answer` is the name of the errno or the type of the API's error."""

    def __init__(self, answer, reply=None):
        super().__init__(answer)
        self.answer, self.reply = answer, reply


class Client:
    def __init__(self, directory, mountpoint, process, processes, seed):
        self.process, self.directory, self.mountpoint = process, directory, mountpoint
        self.rng = random.Random("%s-%d" % (seed, process))
        self.log = open("%s/log.%d" % (directory, process), "w")
        self.owned = [key for i, key in enumerate(world.KEYS) if i % processes == process]
        self.number = self.epoch = self.tokens = 0

    # ---- Choices ----

    def key(self, table=None):
        return self.rng.choice(world.chosen(table=table) if table else world.KEYS)

    def token(self):
        self.tokens += 1
        return "%d.%d.%d" % (self.process, self.number, self.tokens)

    def attributes(self):
        return {"color": self.rng.choice(world.COLORS), "rank": self.rng.randrange(10), "w": self.token()}

    def document(self):
        attributes = self.attributes()
        return {"ids": [attributes["w"]], **attributes}

    # ---- Life and death ----

    def stopped(self):
        return os.path.exists(self.directory + "/stop")

    def wait_for(self, epoch):
        """Until the mount is there for the epoch-th time, or all is over."""
        while not self.stopped():
            if os.path.exists("%s/epoch.%d" % (self.directory, epoch)):
                self.epoch = epoch
                os.chdir(self.mountpoint)
                return
            time.sleep(0.005)

    def gone(self, error):
        """Whether it is the death of dynamount that a call met, which must not hide another failure."""
        if error.errno not in GONE:
            return False
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                os.stat(".status")
            except OSError as second:
                return second.errno in GONE
            time.sleep(0.01)
        return False

    def try_call(self, function, *arguments, **named):
        """The result, or Refused, or Away. A name that lost its node to another process is looked up again."""
        for attempt in range(STALE_TRIES):
            try:
                return function(*arguments, **named)
            except OSError as error:
                if self.gone(error):
                    raise Away() from error
                if error.errno != errno.ESTALE or attempt + 1 == STALE_TRIES:
                    raise Refused(errno.errorcode[error.errno]) from error

    # ---- Files ----

    def read(self, path):
        def whole():
            with open(path) as file:
                return file.read()
        return self.try_call(whole)

    def see(self, key, view=""):
        """A step that read an item, or found it absent."""
        path = "%s%s.json" % (view, key)
        if self.rng.random() < 0.2:
            table, rest = key.split("/", 1)
            path = "%s%s/.typed/%s.json" % (view, table, rest)
        try:
            item = json.loads(self.read(path))
        except Refused as refusal:
            if refusal.answer != "ENOENT":
                raise
            return ["see", {"key": key}, {}]
        if ".typed/" in path:
            item = world.untyped_item(item)
        # Between the lookup of a name and its open the file may be renamed: then it is the other name's.
        holds = world.key_of(world.table_of(key), item)
        if view and holds != key:
            raise ValueError("%s holds %s" % (path, item))
        return ["see", {"key": holds}, {holds: world.document_of(item)}]

    def items(self, path, scope):
        """A step that read documents of several items, in lines."""
        found = {}
        for line in self.read(path).splitlines():
            item = json.loads(line)
            key = world.key_of(scope["table"], item)
            if key in found:
                raise ValueError("%s has %s twice" % (path, key))
            found[key] = world.document_of(item)
        return ["see", scope, found]

    def names(self, path):
        """Without ".json"; nothing when there is no such directory."""
        try:
            names = self.try_call(os.listdir, path)
        except Refused as refusal:
            if refusal.answer != "ENOENT":
                raise
            return []
        return [name.removesuffix(".json") for name in names if name != ".table.json"]

    def write(self, path, value, flags):
        """A whole document, or lines; a partition that is not there yet is made."""
        data = (value if isinstance(value, str) else json.dumps(value)).encode()

        def whole():
            file = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
            try:
                os.write(file, data)
            finally:
                os.close(file)
        try:
            self.try_call(whole)
        except Refused as refusal:
            if refusal.answer != "ENOENT":
                raise
            self.partition(path)
            self.try_call(whole)

    def partition(self, path):
        try:
            self.try_call(os.mkdir, os.path.dirname(path))
        except Refused as refusal:
            if refusal.answer != "EEXIST":
                raise

    # ---- The API ----

    def api(self, operation, request):
        data = json.dumps(request).encode()

        def exchange():
            file = os.open(".api/" + operation, os.O_RDWR)
            try:
                left = data
                while left:
                    left = left[os.write(file, left):]
                reply = b""
                while piece := os.read(file, 1 << 20):
                    reply += piece
            finally:
                os.close(file)
            return json.loads(reply)
        reply = self.try_call(exchange)
        if "__type" in reply:
            raise Refused(reply["__type"].rpartition("#")[2], reply)
        return reply

    # ---- Operations ----

    def record(self, how, outcome, steps, begin=None, commit=None):
        line = {"id": "%d.%d" % (self.process, self.number), "process": self.process, "how": how, "outcome": outcome,
                "epoch": self.epoch, "steps": steps}
        line.update({name: span for name, span in (("begin", begin), ("commit", commit)) if span})
        self.log.write(json.dumps(line) + "\n")

    def single(self, how, steps, action, harmless=()):
        """An operation of one moment. `action` may add to the steps what it saw; Refused with one of the answers that
        are harmless leaves none of them."""
        began = time.monotonic_ns()
        try:
            steps = action() or steps
            outcome = "ok"
        except Refused as refusal:
            if refusal.answer not in harmless:
                raise ValueError("%s: %s of %s: %s" % (how, refusal.answer, steps, refusal.reply)) from refusal
            outcome = "no"
        except Away:
            self.record(how, "unknown", steps, commit=[began, None])
            raise
        self.record(how, outcome, steps, commit=[began, time.monotonic_ns()])

    def lasting(self, how, steps, action, token, harmless):
        """An operation that a token lets be asked again: when nobody knows what became of it, until that is known, and
        now and then just to see that nothing comes of it."""
        began, uncertain, outcome, ended = time.monotonic_ns(), False, None, None
        while outcome is None:
            try:
                action()
                outcome, ended = "ok", time.monotonic_ns()
            except Refused as refusal:
                if refusal.answer not in harmless:
                    raise ValueError("%s: %s of %s: %s" % (how, refusal.answer, steps, refusal.reply)) from refusal
                outcome = None if uncertain else "no"
            except Away:
                uncertain = True
                if token:
                    self.wait_for(self.epoch + 1)
                if not token or self.stopped():
                    outcome = "unknown"
        self.record(how, outcome, steps, commit=[began, ended or time.monotonic_ns()])
        if outcome == "unknown":
            raise Away()
        if outcome == "ok" and token and self.rng.random() < 0.5:
            action()
