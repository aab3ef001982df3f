"""Several processes on a recorded mount, each with a lane of its own (recording.h): what close, fsync, and the mount
option sync promise. Usage: mount_load.py MNT LOG STATE STEPS plain|sync|unmounted
STATE keeps, from one run to the next, where the lanes stand; with "unmounted" all that was done is marked as durable."""
import json, os, random, sys, time

mnt, log_path, state_path, steps, mode = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
log = os.open(log_path, os.O_WRONLY | os.O_APPEND)
DEFINITION = json.dumps({
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
}).encode()
CREATE = os.O_CREAT | os.O_TRUNC | os.O_WRONLY


def mark(*words):
    os.write(log, b"%d %s\n" % (time.monotonic_ns(), " ".join(map(str, words)).encode()))


def text(value):
    """As tree.c has it."""
    filling = value * 37 % 700 + (0 if value % 7 else value * 53 % 9000)
    return "%d %s" % (value, chr(ord("a") + value % 26) * filling)


def document(value, **key):
    return json.dumps({**key, "v": text(value)}).encode()


class Lane:
    def __init__(self, name, state):
        self.name = name
        self.step = state.get("step", 0)
        self.values = state.get("values", {})
        self.random = random.Random("%s %d" % (name, self.step))

    def begin(self, effects):
        """The value that the step writes is its own; the effects are only known with it."""
        self.step += 1
        effects = {path: self.step + 1 if value is None else value for path, value in effects.items()}
        mark("begin", self.name, self.step, *("%s=%d" % effect for effect in effects.items()))
        self.values.update(effects)
        return self.step + 1

    def done(self, durable=False):
        mark("durable" if durable or mode == "sync" else "done", self.name, self.step)

    def item(self, number=None):
        return "Shared/%s/k%d.json" % (self.name, self.random.randrange(8) if number is None else number)

    def present(self, path):
        return self.values.get(path, 0) > 0


def write(path, data, flags=CREATE, sync=False):
    fd = os.open(mnt + "/" + path, flags, 0o644)
    while data:
        data = data[os.write(fd, data):]
    if sync:
        os.fsync(fd)
    os.close(fd)


def sync_path(path):
    fd = os.open(mnt + "/" + path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def lane_puts(lane):
    """Whole documents, every third with fsync; a new name without any; fsync by another handle, or of a directory."""
    path = lane.item()
    choice = lane.random.randrange(9)
    if choice == 0 and not lane.present(path):
        lane.begin({path: 1})
        write(path, b"", sync=True)
        lane.done(durable=True)
    else:
        write(path, document(lane.begin({path: None})), sync=choice < 3)
        lane.done(durable=choice < 3)
    if choice == 4:
        sync_path(path)
        lane.done(durable=True)
    elif choice == 5:
        sync_path("Shared/" + lane.name)
        lane.done(durable=True)


def lane_changes(lane):
    """Appends, edits in place, new names, removals."""
    path, other = lane.item(), lane.item()
    choice = lane.random.randrange(6)
    if not lane.present(path):
        write(path, document(lane.begin({path: None})))
    elif choice == 0:
        lane.begin({path: 0})
        os.unlink(mnt + "/" + path)
    elif choice == 1 and other != path:
        lane.begin({path: 0, other: lane.values[path]})
        os.rename(mnt + "/" + path, mnt + "/" + other)
    elif choice == 2:
        data = document(lane.begin({path: None}))
        half = len(data) // 2
        fd = os.open(mnt + "/" + path, os.O_WRONLY)
        os.pwrite(fd, data[half:], half)
        os.pwrite(fd, data[:half], 0)
        os.ftruncate(fd, len(data))
        os.close(fd)
    else:
        write(path, document(lane.begin({path: None})), flags=os.O_WRONLY | os.O_APPEND)
    lane.done()


def lane_renames(lane):
    """Temporaries that become items, with fsync as careful programs do it and without, and back."""
    path, temporary = lane.item(), "Shared/%s/.new%d" % (lane.name, lane.step % 2)
    careful = lane.random.randrange(3) == 0
    if lane.present(path) and lane.random.randrange(4) == 0:
        lane.begin({path: 0, temporary: lane.values[path]})
        os.rename(mnt + "/" + path, mnt + "/" + temporary)
        lane.done()
        return
    if lane.present(temporary):
        lane.begin({temporary: 0})
        os.unlink(mnt + "/" + temporary)
    lane.begin({temporary: 1})
    fd = os.open(mnt + "/" + temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    value = lane.begin({temporary: None})
    data = document(value)
    assert os.write(fd, data) == len(data)
    if careful:
        os.fsync(fd)
        lane.done(durable=True)
    os.close(fd)
    lane.done()
    lane.begin({temporary: 0, path: value})
    os.rename(mnt + "/" + temporary, mnt + "/" + path)
    lane.done()
    if careful:
        sync_path("Shared/" + lane.name)
        lane.done(durable=True)


def lane_lines(lane):
    """Several lines in one write: one after the other."""
    sync = lane.random.randrange(4) == 0
    lines = b""
    for _ in range(lane.random.randrange(1, 6)):
        number = lane.random.randrange(8)
        lines += document(lane.begin({lane.item(number): None}), pk=lane.name, sk="k%d" % number) + b"\n"
    write("Shared/.items.jsonl", lines, flags=os.O_WRONLY | os.O_APPEND, sync=sync)
    lane.done(durable=sync)


def lane_tables(lane):
    """A table that comes to be by its files, gets a definition, and goes."""
    table, definition = "Own", "Own/.table.json"
    items = ["Own/%s/k0.json" % name for name in "xy"]
    missing = [path for path in items if not lane.present(path)]
    if not lane.present(table):
        lane.begin({table: 1})
        os.mkdir(mnt + "/" + table)
    elif missing and not lane.present(definition):
        directory = os.path.dirname(missing[0])
        if not os.path.isdir(mnt + "/" + directory):
            os.mkdir(mnt + "/" + directory)
        write(missing[0], document(lane.begin({missing[0]: None})))
    elif not lane.present(definition):
        lane.begin({definition: 1})
        write(definition, DEFINITION)
    elif len(missing) < len(items):
        path = next(path for path in items if lane.present(path))
        lane.begin({path: 0})
        os.unlink(mnt + "/" + path)
        lane.done()
        os.rmdir(mnt + "/" + os.path.dirname(path))
    else:
        lane.begin({table: 0, definition: 0})
        os.rmdir(mnt + "/" + table)
    lane.done()


LANES = {"a": lane_puts, "b": lane_changes, "c": lane_renames, "d": lane_lines, "e": lane_tables}


def run(name, lane, result):
    for _ in range(steps):
        LANES[name](lane)
        time.sleep(lane.random.random() / 250)  # so that the load lasts for some cycles of the sync
    os.write(result, json.dumps([name, {"step": lane.step, "values": lane.values}]).encode() + b"\n")


def make_shared(state):
    mark("begin p 1 Shared=1")
    os.mkdir(mnt + "/Shared")
    mark("begin p 2 Shared/.table.json=1")
    write("Shared/.table.json", DEFINITION)
    mark("done p 2")
    state["p"] = {"step": 2}


def main():
    state = {}
    if os.path.exists(state_path):
        with open(state_path) as file:
            state = json.load(file)
    if mode == "unmounted":
        for name, lane in state.items():
            mark("durable", name, lane["step"])
        return
    if not state:
        make_shared(state)
    for name in LANES:
        if not os.path.isdir(mnt + "/Shared/" + name) and name != "e":
            os.mkdir(mnt + "/Shared/" + name)
    read_end, write_end = os.pipe()
    children = []
    for name in LANES:
        pid = os.fork()
        if not pid:
            run(name, Lane(name, state.get(name, {})), write_end)
            os._exit(0)
        children.append(pid)
    os.close(write_end)
    failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
    with os.fdopen(read_end) as results:
        state.update(json.loads(line) for line in results)
    with open(state_path, "w") as file:
        json.dump(state, file)
    sys.exit(len(failed) > 0)


main()
