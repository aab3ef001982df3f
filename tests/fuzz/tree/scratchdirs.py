"""Operations on scratch directories: hidden ones in the root, in tables and partitions, and whatever is below them. Files
in them are those of names.py, which finds the directories that are there."""
from names import busy_below, children_left
from syscalls import NOREPLACE

BELOW = ["sub", "deep.json", ".d", "x~"]  # no names of files there
DEPTH = 4


def parents(w):
    """Where one may be made, whose names below are any, or hidden."""
    yield from ("", "Simple", "Parts")
    for table in (w.tree.tables["Parts"], w.tree.tables["Grid"]):
        yield from (table.directory(partition) for partition in sorted(table.partitions()))
    yield from sorted(w.tree.scratch_dirs)


def some_place(w):
    parent = w.rng.choice(list(parents(w)))
    inside = parent in w.tree.scratch_dirs
    name = w.rng.choice(BELOW) if inside else ".p%d-d%d" % (w.process, w.rng.randrange(2))
    return parent + "/" * bool(parent) + name


def some_scratch_dir(w):
    return w.rng.choice(sorted(w.tree.scratch_dirs)) if w.tree.scratch_dirs else None


def make(w):
    path = some_place(w)
    if path.count("/") > DEPTH:
        return
    there = path in w.tree.scratch_dirs
    w.expect("EEXIST" if there else "ok", w.calls.mkdir(path))
    if not there:
        w.expect([], w.calls.list(path))
    w.tree.scratch_dirs.add(path)
    yield


def make_refused(w):
    """A directory that is hidden by its end only is none."""
    parent = w.rng.choice(["", "Simple/", "Parts/"])
    w.expect("EINVAL", w.calls.mkdir(parent + "p%d-d~" % w.process))
    yield


def remove(w):
    path = some_scratch_dir(w)
    if not path or busy_below(w, path):
        return
    if w.tree.scratch_in(path):
        w.expect("ENOTEMPTY", w.calls.rmdir(path))
        return
    w.expect("EISDIR", w.calls.unlink(path))
    w.expect("ok", w.calls.rmdir(path))
    left(w, path)
    w.expect("ENOENT", w.calls.list(path))
    yield


def left(w, path):
    w.left(path)
    w.tree.scratch_dirs.discard(path)
    children_left(w, path.rpartition("/")[0])


def rename(w):
    """All that is in it goes along, to another table too."""
    path, to = some_scratch_dir(w), some_place(w)
    if not path or path == to or to.count("/") > DEPTH or busy_below(w, path) or busy_below(w, to):
        return
    there, flags = to in w.tree.scratch_dirs, w.rng.choice([0, 0, NOREPLACE])
    got = w.calls.rename(path, to, flags)
    if flags and there:
        w.expect("EEXIST", got)
    elif to.startswith(path + "/"):
        w.expect("EINVAL", got)
    elif there and w.tree.scratch_in(to):
        w.expect("ENOTEMPTY", got)
    else:
        w.expect("ok", got)
        moved(w, path, to)
        w.expect("ENOENT", w.calls.list(path))
    for directory in (path, to):
        if directory in w.tree.scratch_dirs:
            w.expect(sorted(w.tree.scratch_in(directory)), sorted(w.calls.list(directory)), directory)
    for file in below(w, to) if to in w.tree.scratch_dirs else ():
        w.check_scratch(file)
    yield


def below(w, path):
    return [file for file in sorted(w.tree.scratch) if file.startswith(path + "/")]


def moved(w, path, to):
    w.left(to)
    for stream in w.streams.values():
        stream.follow(path, to)
    w.left(path)
    w.tree.move_scratch(path, to)
    w.tree.scratch_dirs = {to if d == path else d for d in w.tree.scratch_dirs} | {to}
    children_left(w, path.rpartition("/")[0])


def rename_elsewhere(w):
    """What is no name of a scratch directory: a key's, a table's, a file's, one of ours."""
    path = some_scratch_dir(w)
    if not path:
        return
    to, errors = w.rng.choice([
        ("Simple/p%d-d~" % w.process, ("EBADMSG", "EINVAL", "EPERM")), ("P%d" % w.process + "-table", ("EPERM",)),
        ("Parts/p%d-two" % w.process, ("EPERM",)), ("Simple/.typed", ("EPERM", "EEXIST", "ENOTEMPTY", "EXDEV", "EACCES")),
        ("Simple/.items.jsonl", ("ENOTDIR",)), ("Simple/p%d-x.json" % w.process, ("EPERM", "EINVAL", "EBADMSG")),
    ])
    w.expect_one(errors, w.calls.rename(path, to))
    w.expect(sorted(w.tree.scratch_in(path)), sorted(own_names(w, path)), path)
    yield


def own_names(w, path):
    """Without what somebody is just making there."""
    making = {file for file, count in w.busy.items() if count and file not in w.tree.scratch}
    return [name for name in w.calls.list(path) if path + "/" + name not in making]


def empty(w):
    """As rm -r."""
    path = some_scratch_dir(w)
    if not path or busy_below(w, path):
        return
    remove_tree(w, path)
    yield


def remove_tree(w, path):
    names = w.calls.list(path)
    w.expect(sorted(w.tree.scratch_in(path)), sorted(names), path)
    for name in names:
        inner = path + "/" + name
        if inner in w.tree.scratch_dirs:
            remove_tree(w, inner)
        else:
            w.expect("ok", w.calls.unlink(inner))
            w.left(inner)
            del w.tree.scratch[inner]
    w.expect("ok", w.calls.rmdir(path))
    left(w, path)


OPERATIONS = [(4, make), (1, make_refused), (3, remove), (4, rename), (1, rename_elsewhere), (1, empty)]
