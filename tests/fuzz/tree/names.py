"""Operations on names: removing and renaming items, scratch files, partitions."""
import documents
import model
import time
from files import opened, pieces
from syscalls import EXCHANGE, NOREPLACE


def idle(w, table, key):
    return not w.busy[table.path(key)]


def unlink(w):
    table, key = w.some_key()
    if not idle(w, table, key):
        return
    w.expect("ok" if key in table.items else "ENOENT", w.calls.unlink(table.path(key)))
    if key in table.items:
        w.removed(table, key)
    w.check_item(table, key)
    yield


def rename_item(w):
    table, key = w.some_item()
    if not table or not idle(w, table, key) or table.name not in w.keys:
        return
    to = w.rng.choice(w.keys[table.name])
    if not idle(w, table, to):
        return
    w.prepare(table, to)
    there, flags = to in table.items, w.rng.choice([0, 0, NOREPLACE])
    before = time.time_ns()
    got = w.calls.rename(table.path(key), table.path(to), flags)
    if flags and there:
        w.expect("EEXIST", got)
    elif table.unnamed(to):
        w.expect("EINVAL", got)
    else:
        w.expect("ok", got)
        if to != key:
            table.items[to] = w.removed(table, key)
            table.items[to].touched(before)
            w.check_soon(table, key)
    w.check_soon(table, to)
    yield


def exchange(w):
    table, key = w.some_item()
    if not table or not idle(w, table, key) or table.name not in w.keys:
        return
    to = w.rng.choice(w.keys[table.name])
    if not idle(w, table, to) or to == key:
        return
    w.prepare(table, to)
    before = time.time_ns()
    got = w.calls.rename(table.path(key), table.path(to), EXCHANGE)
    if to in table.items:
        w.expect("ok", got)
        table.items[key], table.items[to] = table.items[to], table.items[key]
        table.items[key].touched(before)
        table.items[to].touched(before)
    else:
        w.expect("ENOENT", got)
    w.check_soon(table, key)
    w.check_soon(table, to)
    yield


def rename_elsewhere(w):
    """Between tables, onto a directory, to what is no name: nothing changes."""
    table, key = w.some_item()
    if not table or table.name not in w.keys:
        return
    name = documents.file_name(key[-1])
    places = {"Simple": ("Counts/1.json", "EXDEV"), "Counts": ("Simple/p%d-a.json" % w.process, "EXDEV")}
    to, error = w.rng.choice([places.get(table.name, ("Counts/1.json", "EXDEV")), ("Simple/.items.jsonl", "EPERM"),
                              (name, "EINVAL")])
    if error == "EXDEV" or idle(w, table, key):
        got = w.calls.rename(table.path(key), to)
        w.expect_one((error, "EXDEV", "EACCES", "EPERM"), got)
        w.check_item(table, key)
    yield


# ---- Scratch files ----

def scratch_directories(w):
    me = "p%d" % w.process
    yield "", ["." + me + ".swp", "." + me + "-x"]
    yield "Simple", ["." + me + "-a.json.swp", me + "-sedAbCdEf", me + "-a.json~"]
    yield "Parts", ["." + me + ".tmp"]
    for table in (w.tree.tables["Parts"], w.tree.tables["Grid"]):
        for partition in sorted(table.partitions()):
            yield table.directory(partition), ["." + me + ".x.json.Qw12", "4913", me + "~"]
    for directory in sorted(w.tree.scratch_dirs):
        yield directory, ["one.json", "two", ".three"]


def some_scratch_path(w):
    directory, names = w.rng.choice(list(scratch_directories(w)))
    return directory + "/" * bool(directory) + w.rng.choice(names)


def write_scratch(w):
    path = some_scratch_path(w)
    if w.busy[path]:
        return
    flags = w.rng.choice(["WRONLY|CREAT", "RDWR|CREAT|TRUNC", "RDWR|CREAT|EXCL", "WRONLY|CREAT|APPEND"])
    if "EXCL" in flags and path in w.tree.scratch:
        w.expect("EEXIST", w.calls.write_file(path, flags))
        return
    before = time.time_ns()
    with opened(w, path, flags) as file:
        new, scratch = path not in w.tree.scratch, w.tree.scratch.setdefault(path, model.Scratch())
        after = time.time_ns() + model.SLACK_NS
        if new:
            scratch.touched(before)
        elif "TRUNC" in flags:  # one that is empty already may keep its time
            kept = scratch.mtime if not scratch.text else (after, after)
            scratch.mtime = min(before - model.SLACK_NS, kept[0]), max(after, kept[1])
            del scratch.text[:]
        at = 0
        for _ in range(w.rng.randrange(5)):
            before, change = time.time_ns(), w.rng.randrange(8)
            text = w.rng.choice([b"x", b"some text\n", b"\0\xff" * 3000, b"{}"]) * w.rng.randrange(1, 20)
            if change == 0:
                size = w.rng.choice([0, 1, 5000, len(scratch.text)])
                w.expect("ok", w.calls.ftruncate(file, size))
                del scratch.text[size:]
                scratch.text += bytes(size - len(scratch.text))
            elif change < 5 or "APPEND" in flags:
                at = len(scratch.text) if "APPEND" in flags else at
                w.expect("ok", w.calls.write(file, text))
                overwrite(scratch, at, text)
                at += len(text)
            else:
                offset = w.rng.choice([0, 1, 4096, 10000])
                w.expect("ok", w.calls.pwrite(file, text, offset))
                overwrite(scratch, offset, text)
            scratch.touched(before)
            if flags.startswith("RDWR"):
                w.expect(bytes(scratch.text), w.calls.pread(file, 1 << 20, 0), path)
            yield
        w.expect("ok", w.calls.close(file))
    w.check_scratch(path)


def overwrite(scratch, offset, text):
    scratch.text += bytes(max(0, offset - len(scratch.text)))
    scratch.text[offset:offset + len(text)] = text


def check_scratch(w):
    path = w.some_scratch() or some_scratch_path(w)
    if not w.busy[path]:
        w.check_scratch(path)
    yield


def set_scratch_time(w):
    path = w.some_scratch()
    if path:
        ns = w.rng.randrange(2 * 10**18)
        w.expect("ok", w.calls.utimens(path, ns))
        w.tree.scratch[path].set_time(ns)
        if not w.busy[path]:
            w.check_scratch(path)
    yield


def unlink_scratch(w):
    path = w.some_scratch()
    if not path or w.busy[path]:
        return
    w.expect("ok", w.calls.unlink(path))
    scratch_left(w, path)
    w.check_scratch(path)
    yield


def scratch_left(w, path):
    w.left(path)
    children_left(w, path.rpartition("/")[0])
    return w.tree.scratch.pop(path)


def children_left(w, directory):
    """A partition that something was in lingers."""
    for table in w.tree.tables.values():
        if table.composite:
            table.made |= {p for p in parts_of(w, table) if table.directory(p) == directory}


def parts_of(w, table):
    return {key[0] for key in w.keys.get(table.name, ())}


def rename_scratch(w):
    path, to = w.some_scratch(), some_scratch_path(w)
    if not path or w.busy[path] or w.busy[to] or path == to:
        return
    there, flags = to in w.tree.scratch, w.rng.choice([0, NOREPLACE])
    got = w.calls.rename(path, to, flags)
    if there and flags:
        w.expect("EEXIST", got)
        return
    if got == "EXDEV" and path.split("/")[0] != to.split("/")[0]:
        return
    w.expect("ok", got)
    w.tree.scratch[to] = scratch_left(w, path)
    w.check_scratch(path)
    w.check_scratch(to)
    yield


def has_directory(w, table, key):
    """A partition may have gone between two steps of an operation that has nothing in it."""
    return not table.composite or w.tree.has_partition(table, key[0])


def hidden_in(w, table):
    return sorted(path for path in w.tree.scratch_dirs if path.startswith(table.name + "/"))


def save_by_rename(w):
    """As sed -i, rsync and jq do it: a scratch file beside the item, whose text is then the item's."""
    table, key = w.some_key()
    if not idle(w, table, key):
        return
    w.prepare(table, key)
    directory = table.directory(key[0]) if table.composite else table.name
    directory = w.rng.choice([directory, directory, *hidden_in(w, table)])
    path = "%s/.p%d.%d" % (directory, w.process, w.number())
    document, written = w.new_document(table, key)
    text, refused = documents.spell(w.rng, written), w.chance(0.2)
    if refused:
        text = w.rng.choice(documents.REFUSED)
    w.expect("ok", w.calls.write_file(path, "WRONLY|CREAT|EXCL", *pieces(w.rng, text)))
    w.tree.scratch[path] = model.Scratch(text)
    w.busy[path] += 1
    ns = w.rng.randrange(2 * 10**18)
    w.expect("ok", w.calls.utimens(path, ns))
    w.tree.scratch[path].set_time(ns)
    yield
    w.check_scratch(path)
    yield
    if idle(w, table, key):
        flags = w.rng.choice([0, 0, NOREPLACE])
        got = w.calls.rename(path, table.path(key), flags)
        if not has_directory(w, table, key):
            w.expect("ENOENT", got)
        elif flags and key in table.items:
            w.expect("EEXIST", got)
        elif refused or table.unnamed(key) and not set(table.key_names()) <= set(written):
            w.expect("EBADMSG", got)
        else:
            w.expect("ok", got)
            w.put(table, key, document, 0).mtime = scratch_left(w, path).mtime
        w.check_item(table, key)
    w.check_scratch(path)
    w.busy[path] -= 1
    if path in w.tree.scratch:
        w.expect("ok", w.calls.unlink(path))
        scratch_left(w, path)


def keep_backup(w):
    """As an editor's backup: the item's name becomes a scratch file's, and may come back."""
    table, key = w.some_item()
    if not table or not idle(w, table, key) or table.name not in w.keys:
        return
    directory = w.rng.choice([table.path(key).rpartition("/")[0], *hidden_in(w, table)])
    path = "%s/.p%d~%d" % (directory, w.process, w.number())
    text, item = table.text_of(key), table.items[key]
    w.expect("ok", w.calls.rename(table.path(key), path))
    w.removed(table, key)
    w.tree.scratch[path] = model.Scratch(text)
    w.tree.scratch[path].mtime = item.mtime
    w.check_soon(table, key)
    w.check_scratch(path)
    w.busy[path] += 1
    yield
    w.busy[path] -= 1
    back = key not in table.items and idle(w, table, key) and w.chance(0.8)
    if back and not has_directory(w, table, key):
        w.expect("ENOENT", w.calls.rename(path, table.path(key)))
        back = False
    if back:
        w.expect("ok", w.calls.rename(path, table.path(key)))
        kept = scratch_left(w, path)
        w.put(table, key, item.document, 0).mtime = kept.mtime
        # the old text may look the same, and its number be shown, while somebody still reads it
        table.items[key].ino = model.ANY
        w.check_soon(table, key)
    else:
        w.expect("ok", w.calls.unlink(path))
        scratch_left(w, path)
    w.check_scratch(path)


# ---- Partitions ----

def some_partition(w):
    table = w.tree.tables[w.rng.choice(["Parts", "Grid"])]
    return table, w.rng.choice(sorted(parts_of(w, table)))


def make_partition(w):
    table, partition = some_partition(w)
    there = w.tree.has_partition(table, partition)
    w.expect("EEXIST" if there else "ok", w.calls.mkdir(table.directory(partition)))
    table.made.add(partition)
    w.expect("EINVAL", w.calls.mkdir("Simple/p%d-directory" % w.process))
    yield


def busy_below(w, directory):
    return any(count and path.startswith(directory + "/") for path, count in w.busy.items())


def remove_partition(w):
    table, partition = some_partition(w)
    directory = table.directory(partition)
    if busy_below(w, directory):
        return
    got = w.calls.rmdir(directory)
    if not w.tree.has_partition(table, partition):
        w.expect("ENOENT", got)
    elif w.tree.listing(table, partition):
        w.expect("ENOTEMPTY", got)
    else:
        w.expect("ok", got)
        table.made.discard(partition)
        w.left(directory)
    yield


def empty_partition(w):
    """As rm -r: what the listing has goes, and then the directory."""
    table, partition = some_partition(w)
    directory = table.directory(partition)
    if busy_below(w, directory):
        return
    names = w.calls.list(directory)
    if not w.tree.has_partition(table, partition):
        w.expect("ENOENT", names)
        return
    w.expect(sorted(w.tree.listing(table, partition)), sorted(names))
    for key in [key for key in table.items if key[0] == partition]:
        w.expect("ok", w.calls.unlink(table.path(key)))
        w.removed(table, key)
    for path in [path for path in w.tree.scratch if path.startswith(directory + "/")]:
        w.expect("ok", w.calls.unlink(path))
        scratch_left(w, path)
    for path in sorted(path for path in w.tree.scratch_dirs if path.startswith(directory + "/"))[::-1]:
        w.expect("ok", w.calls.rmdir(path))
        w.left(path)
        w.tree.scratch_dirs.remove(path)
    w.expect("ok", w.calls.rmdir(directory))
    table.made.discard(partition)
    w.left(directory)
    w.expect("ENOENT", w.calls.list(directory))
    yield


def rename_partition(w):
    """All that is in it goes along, and who lists it goes on."""
    table, partition = some_partition(w)
    to = w.rng.choice(sorted(parts_of(w, table)))
    old, new = table.directory(partition), table.directory(to)
    if to == partition or any(count and path.startswith((old + "/", new + "/")) for path, count in w.busy.items()):
        return
    there, flags = w.tree.has_partition(table, to), w.rng.choice([0, 0, NOREPLACE])
    before = time.time_ns()
    got = w.calls.rename(old, new, flags)
    if not w.tree.has_partition(table, partition):
        w.expect("ENOENT", got)
    elif flags and there:
        w.expect("EEXIST", got)
    elif documents.is_long(to, False) and not any(key[0] == to for key in table.items):
        w.expect("EBADMSG", got)
    elif w.tree.listing(table, to):
        w.expect("ENOTEMPTY", got)
    else:
        w.expect("ok", got)
        partition_moved(w, table, partition, to, before)
        w.expect("ENOENT", w.calls.list(old))
        w.expect(sorted(w.tree.listing(table, to)), sorted(w.calls.list(new)))
    for key in w.keys[table.name]:
        if key[0] in (partition, to):
            w.check_soon(table, key)
    yield


def partition_moved(w, table, partition, to, before):
    old, new = table.directory(partition), table.directory(to)
    w.left(new)
    for stream in w.streams.values():
        stream.follow(old, new)
    w.left(old)
    for key in [key for key in table.items if key[0] == partition]:
        table.items[to, key[1]] = table.items.pop(key)
        table.items[to, key[1]].touched(before)
    w.tree.move_scratch(old, new)
    table.made = table.made - {partition} | {to}


OPERATIONS = [
    (6, unlink), (8, rename_item), (3, exchange), (1, rename_elsewhere), (5, write_scratch), (2, check_scratch),
    (2, set_scratch_time), (2, unlink_scratch), (3, rename_scratch), (6, save_by_rename), (4, keep_backup),
    (2, make_partition), (2, remove_partition), (1, empty_partition),
    (3, rename_partition),
]
