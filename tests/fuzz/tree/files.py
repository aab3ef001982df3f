"""Operations on one item's file. Each is a generator: where it yields, others go on while its file is open."""
import contextlib
import documents
import json
import time

NEW = "WRONLY|CREAT|TRUNC"


def pieces(rng, text, most=5):
    cuts = sorted(rng.randrange(len(text) + 1) for _ in range(rng.randrange(most)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
    return [part for part in parts if part]


@contextlib.contextmanager
def opened(w, path, flags, writes=True):
    """Opened and, whatever becomes of the operation, closed."""
    number = w.number()
    w.expect("ok", w.calls.open(number, path, flags), "open " + path)
    w.busy[path] += writes
    try:
        yield number
    except GeneratorExit:
        w.calls.close(number)  # the mount is dead
        raise
    finally:
        w.busy[path] -= writes


def absent_and_busy(w, table, key):
    """Somebody is making the name: what becomes of it is his."""
    return key not in table.items and w.busy[table.path(key)]


def writable(w, exists=None):
    """A table and a key to write to."""
    table, key = w.some_key()
    if absent_and_busy(w, table, key) or exists not in (None, key in table.items):
        return None, None
    w.prepare(table, key)
    return table, key


def put_whole(w):
    table, key = writable(w)
    if not table:
        return
    document, written = w.new_document(table, key)
    typed = w.chance(0.15)
    text = documents.spell(w.rng, written, documents.typed if typed else documents.plain)
    flags = NEW if key not in table.items or w.chance(0.5) else "WRONLY|TRUNC"
    before = time.time_ns()
    w.expect("ok", w.calls.write_file(table.path(key, typed), flags, text))
    (w.put_past if typed else w.put)(table, key, document, before)
    if w.chance(0.5):
        w.check_item(table, key)
    yield


def put_in_pieces(w):
    table, key = writable(w)
    if not table:
        return
    document, written = w.new_document(table, key)
    text = documents.spell(w.rng, written)
    parts, left = pieces(w.rng, text), len(text.rstrip())
    sync = w.chance(0.2)
    with opened(w, table.path(key), w.rng.choice([NEW, "RDWR|CREAT|TRUNC"])) as file:
        for part in parts:
            yield
            before = time.time_ns()
            w.expect("ok", w.calls.write(file, part))
            if 0 < left <= len(part):
                w.put(table, key, document, before)
            left -= len(part)
        if sync:
            w.expect("ok", w.calls.fsync(file))
            yield
        w.expect("ok", w.calls.close(file))


def put_refused(w):
    """What is no document of this name: the write fails, and what was there stays."""
    table, key = writable(w)
    if not table:
        return
    kind, error = w.rng.randrange(4), "EINVAL"
    if kind == 0:
        other = [k for k in w.keys[table.name] if k != key]
        text = documents.spell(w.rng, dict(zip(table.key_names(), w.rng.choice(other))))
    elif kind == 1:
        text, error = b'{"big": "' + b"x" * 420000 + b'"}', "EFBIG"
        if table.long(key):
            return
    else:
        text = w.rng.choice(documents.REFUSED)
    w.expect("write 1 " + error, w.calls.write_file(table.path(key), NEW, text))
    w.check_item(table, key)
    yield


def put_unfinished(w):
    table, key = writable(w)
    if not table:
        return
    with opened(w, table.path(key), NEW) as file:
        for part in pieces(w.rng, b' {"status": ["unfinished", {"a": 1'):
            w.expect("ok", w.calls.write(file, part))
            yield
        w.expect("EINVAL", w.calls.close(file))
    w.check_soon(table, key)


def put_and_more(w):
    """White space may follow a document; anything else is refused, and the put stands."""
    table, key = writable(w)
    if not table:
        return
    document, written = w.new_document(table, key)
    with opened(w, table.path(key), NEW) as file:
        before = time.time_ns()
        w.expect("ok", w.calls.write(file, documents.spell(w.rng, written)))
        w.put(table, key, document, before)
        yield
        w.expect("ok", w.calls.write(file, b" \n\t\r\n"))
        yield
        w.expect("EINVAL", w.calls.write(file, b" more"))
        w.expect("ok", w.calls.close(file))


def put_out_of_order(w):
    """Judged when it is closed."""
    table, key = writable(w)
    if not table:
        return
    document, written = w.new_document(table, key)
    text = documents.spell(w.rng, written)
    parts, at = [], 0
    for part in pieces(w.rng, text, 6):
        parts.append((at, part))
        at += len(part)
    if len(parts) < 2:
        return
    w.rng.shuffle(parts)
    if parts[0][0] == 0:
        parts.reverse()  # the first one opens a hole
    whole = w.chance(0.8) or not parts[-1][1].strip()
    since = time.time_ns()
    with opened(w, table.path(key), NEW) as file:
        for offset, part in parts if whole else parts[:-1]:
            w.expect("ok", w.calls.pwrite(file, part, offset))
            yield
        before = time.time_ns()
        if whole and w.chance(0.5):
            w.expect("ok", w.calls.fsync(file))
            w.put(table, key, document, before).edited(since)
            yield
            w.expect("ok", w.calls.close(file))
        elif whole:
            w.expect("ok", w.calls.close(file))
            w.put(table, key, document, before).edited(since)
        else:
            w.expect("EINVAL", w.calls.close(file))
    w.check_soon(table, key)


def edit_in_place(w):
    """Opened without truncation, cut or grown to another size, and written over in any order."""
    table, key = writable(w, exists=True)
    if not table:
        return
    flags = w.rng.choice(["RDWR", "WRONLY"])
    text, since = table.text_of(key), time.time_ns()
    with opened(w, table.path(key), flags) as file:
        yield
        if flags == "WRONLY":
            text = table.text_of(key)  # what it begins with is read at the first change
        document, written = w.new_document(table, key, agree=True)
        new = documents.render({**written}, table.key_names()) if w.chance(0.9) else text
        if new == text:
            document = None
        if len(new) != len(text) or w.chance(0.5):
            w.expect("ok", w.calls.ftruncate(file, len(new)))
            if flags == "RDWR":
                shown = text[:len(new)] + bytes(max(0, len(new) - len(text)))
                w.expect(shown, w.calls.pread(file, 1 << 20, 0), "a file that is edited")
            yield
        parts, at = [], 0
        for part in pieces(w.rng, new):
            parts.append((at, part))
            at += len(part)
        w.rng.shuffle(parts)
        # an edit whose end is not the whole is refused, and changes nothing
        refused = document is not None and w.chance(0.1)
        for offset, part in parts:
            w.expect("ok", w.calls.pwrite(file, part, offset))
            yield
        if refused:
            w.expect("ok", w.calls.pwrite(file, b"]", len(new) - 2))
        if flags == "RDWR" and not refused:
            w.expect(new, w.calls.pread(file, 1 << 20, 0), "a file that is edited")
        before, result = time.time_ns(), "EINVAL" if refused else "ok"
        if w.chance(0.5):
            w.expect(result, w.calls.fsync(file), "fsync")  # a refusal is repeated by close
            if document is not None and not refused:
                w.put(table, key, document, before).edited(since)
                document = None
            yield
        w.expect(result, w.calls.close(file), "close")
        if document is not None and not refused:
            w.put(table, key, document, before).edited(since)
    w.check_text(table, key)


def save_as_vim(w):
    table, key = writable(w, exists=True)
    if not table:
        return
    document, written = w.new_document(table, key)
    with opened(w, table.path(key), "WRONLY|CREAT") as file:
        w.expect("ok", w.calls.ftruncate(file, 0))
        yield
        before = time.time_ns()
        w.expect("ok", w.calls.write(file, documents.spell(w.rng, written)))
        w.put(table, key, document, before)
        yield
        w.expect("ok", w.calls.fsync(file))
        w.expect("ok", w.calls.close(file))
    w.check_text(table, key)


def append(w):
    """Each whole object is an update."""
    table, key = writable(w)
    if not table:
        return
    flags, path = "WRONLY|APPEND" + ("|CREAT" if key not in table.items else ""), table.path(key)
    with opened(w, path, flags) as file:
        for _ in range(w.rng.randrange(1, 4)):
            document, written = w.new_document(table, key)
            text = documents.spell(w.rng, written)
            left = len(text.rstrip())
            for part in pieces(w.rng, text, 3):
                before = time.time_ns()
                w.expect("ok", w.calls.write(file, part))
                if 0 < left <= len(part) and (written or key not in table.items):
                    merged = {**(table.items[key].document if key in table.items else {}), **document}
                    w.put(table, key, merged, before)
                left -= len(part)
                yield
        w.expect("ok", w.calls.close(file))
    w.check_text(table, key)


def append_refused(w):
    table, key = writable(w, exists=True)
    if not table:
        return
    said = w.calls.write_file(table.path(key), "WRONLY|APPEND", w.rng.choice(documents.REFUSED[:3] + documents.REFUSED[6:10]))
    w.expect("write 1 EINVAL", said)
    w.check_item(table, key)
    yield


def touch(w):
    """A new name that is never written becomes an item of its key."""
    table, key = writable(w)
    if not table or table.long(key):
        return
    existed, set_time = key in table.items, w.chance(0.5)
    version = existed and table.items[key].puts
    ns, before = w.rng.randrange(10**18, 2 * 10**18), time.time_ns()
    with opened(w, table.path(key), "WRONLY|CREAT") as file:
        yield
        # a handle whose name shows another's version by now has no say in that one's times
        set_time = set_time and version == (existed and table.items[key].puts)
        if set_time:
            w.expect("ok", w.calls.futimens(file, ns))
        w.expect("ok", w.calls.close(file))
    if not existed:
        w.put(table, key, {}, before)
    if set_time:
        table.items[key].set_time(ns)
    w.check_soon(table, key)  # the release may still be under way, and stat show the name as it was


def exclusive(w):
    table, key = writable(w)
    if not table:
        return
    document, written = w.new_document(table, key)
    text, path = documents.spell(w.rng, written), table.path(key)
    if key in table.items:
        w.expect("EEXIST", w.calls.write_file(path, "WRONLY|CREAT|EXCL", text))
        return
    taken = w.chance(0.3)
    with opened(w, path, "WRONLY|CREAT|EXCL") as file:
        yield
        if taken:  # somebody else gets there first
            before = time.time_ns()
            line = documents.render_line(dict(zip(table.key_names(), key)), table.key_names()) + "\n"
            w.expect("ok", w.calls.write_file(table.name + "/.items.jsonl", "WRONLY", line.encode()))
            w.put_past(table, key, {}, before)
        before = time.time_ns()
        w.expect("EEXIST" if taken else "ok", w.calls.write(file, text))
        if not taken:
            w.put(table, key, document, before)
        w.expect("ok", w.calls.close(file))
    w.check_item(table, key)


def truncate(w):
    """Truncation alone changes nothing; a document that is cut, or has a hole behind it, is none."""
    table, key = writable(w, exists=True)
    if not table:
        return
    size = len(table.text_of(key))
    to = w.rng.choice([0, size, size // 2, size + 10])
    w.expect("ok" if to in (0, size) else "EINVAL", w.calls.truncate(table.path(key), to))
    w.check_item(table, key)
    yield


def read_slowly(w):
    """An open file keeps showing the version that it opened."""
    table, key = w.some_item()
    if not table:
        return
    typed = table.name in w.keys and w.chance(0.1)
    text = table.text_of(key, documents.typed if typed else documents.plain)
    if typed:
        w.check_typed(table, key)
    with opened(w, table.path(key, typed), "RDONLY", writes=False) as file:
        for _ in range(w.rng.randrange(1, 8)):
            offset, size = w.rng.randrange(len(text) + 1), w.rng.choice([1, 100, 4096, 1 << 20])
            yield
            if w.chance(0.6):
                w.expect(text[offset:offset + size], w.calls.pread(file, size, offset), "an open file")
            else:
                w.expect(text[offset:], w.calls.seek_read(file, offset, size + 500), "an open file")
        w.expect("ok", w.calls.close(file))


def read_now(w):
    table, key = w.some_key()
    if not absent_and_busy(w, table, key):
        w.check_item(table, key)
    yield


def read_mapped(w):
    table, key = w.some_item()
    if table:
        w.expect(table.text_of(key), w.calls.mmap_read(table.path(key)), "a map of " + table.path(key))
    yield


def read_typed(w):
    table, key = w.some_item()
    if table and table.defined:
        w.check_typed(table, key)
    yield


def set_time(w):
    table, key = w.some_item()
    if table:
        ns = w.rng.choice([w.rng.randrange(2 * 10**18), w.rng.randrange(10**9), -1])
        w.expect("ok", w.calls.utimens(table.path(key), ns))
        table.items[key].set_time(ns)
        w.check_stat(table, key)
        w.expect("ok", w.calls.chmod(table.path(key), 0o600))
    yield


def read_size(w):
    """user.size, in DynamoDB's counting."""
    table, key = w.some_item()
    if table and table.defined:
        got, size = w.calls.getxattr(table.path(key), "user.size"), documents.item_size(table.full(key))
        if size is not None:
            w.expect(str(size).encode(), got, "user.size of " + table.path(key))
        w.expect("ENODATA", w.calls.getxattr(table.path(key), "user.other"))
    yield


def write_lines(w):
    """Items by .items.jsonl: lines before a bad one are put."""
    table = w.some_table()
    keys = [k for k in w.keys[table.name] if not absent_and_busy(w, table, k)]
    w.rng.shuffle(keys)
    lines, puts, bad = [], [], w.chance(0.15)
    for key in keys[:w.rng.randrange(1, 6)]:
        document, written = w.new_document(table, key, agree=True)
        if w.chance(0.3):
            w.prepare(table, key)
        puts.append((key, document))
        lines.append(documents.render_line(written, table.key_names()).encode() + b"\n")
    good = len(lines)
    if bad:
        good = w.rng.randrange(len(lines) + 1)
        lines.insert(good, b'{"bad": 1}\n')
    elif w.chance(0.2):
        lines[-1] = lines[-1][:-1]  # counts at close
    parts, before = pieces(w.rng, b"".join(lines)), time.time_ns()
    said = w.calls.write_file(table.name + "/.items.jsonl", w.rng.choice(["WRONLY|TRUNC", "WRONLY|APPEND"]), *parts)
    at, end = 0, len(b"".join(lines[:good + 1]))
    for number, part in enumerate(parts):
        at += len(part)
        if bad and at >= end:
            w.expect("write %d EINVAL" % (number + 1), said)
            break
    else:
        w.expect("ok", said)
    for key, document in puts[:good]:
        w.put_past(table, key, document, before)
    yield


def read_lines(w):
    table = w.some_table()
    got = w.calls.read(table.name + "/.items.jsonl")
    if isinstance(got, str):
        w.expect("", got, "reading lines")
    own = {table.line_of(key) for key in table.items}
    lines = [line for line in got.decode().split("\n") if line]
    mine = {tuple(documents.encode_key(part) for part in key) for key in w.keys[table.name]}
    there = [line for line in lines if key_of_line(table, line) in mine]
    w.expect(sorted(own), sorted(there), "the lines of " + table.name)
    yield


def key_of_line(table, line):
    item = json.loads(line, parse_float=str, parse_int=str)
    parts = []
    for name, kind in table.keys:
        value = item[name]
        if kind == "B":
            value = value["$binary"].replace("+", "-").replace("/", "_").rstrip("=")
        parts.append(documents.encode_key(value) if kind == "S" else value)
    return tuple(parts)


OPERATIONS = [
    (8, put_whole), (8, put_in_pieces), (2, put_refused), (2, put_unfinished), (1, put_and_more), (4, put_out_of_order),
    (6, edit_in_place), (2, save_as_vim), (6, append), (1, append_refused), (4, touch), (4, exclusive), (2, truncate),
    (12, read_slowly), (12, read_now), (3, read_mapped), (3, read_typed), (3, set_time), (2, read_size), (3, write_lines),
    (1, read_lines),
]
