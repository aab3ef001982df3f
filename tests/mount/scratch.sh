# Scratch directories and open scratch files with real programs: git with its whole repository, sqlite3 in
# both its modes, files whose names go while they are open, and what is left of those after a crash.
. "$TESTS/lib.sh" || exit 1

export HOME=$work GIT_CONFIG_NOSYSTEM=1
git config --global user.name Tester
git config --global user.email tester@example.org
git config --global init.defaultBranch main
files=${DYNAMOUNT_LONG:+2000}
files=${files:-300}

scratch_bytes() { jq .scratch_bytes "$mnt/.status"; }

start
mkdir "$mnt/Notes" "$mnt/Orders"
echo '{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
  "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}' >"$mnt/Notes/.table.json"
mkdir "$mnt/Orders/alice"
echo '{"n":1}' >"$mnt/Orders/alice/1.json"

# Names: what can be a directory, what moves where
mkdir "$mnt/.top" "$mnt/Notes/.d" "$mnt/Orders/alice/.d" || fail "mkdir"
refused "no key" mkdir "$mnt/Notes/d"
refused "no table" mkdir "$mnt/d~"
mkdir -p "$mnt/.top/a.json/b/c"
echo deep >"$mnt/.top/a.json/b/c/1.json"
check "mv of a directory" mv "$mnt/.top/a.json" "$mnt/Orders/alice/.d/"
same "what moved" deep "$(cat "$mnt/Orders/alice/.d/a.json/b/c/1.json")"
same "links" 1 "$(stat -c %h "$mnt/Orders/alice/.d")"
check "chmod" chmod 700 "$mnt/Orders/alice/.d"
refused "not empty" rmdir "$mnt/Orders/alice/.d"
refused "not a directory" mv "$mnt/Orders/alice/.d" "$mnt/Orders/alice/1.json"
refused "into itself" mv "$mnt/Orders/alice/.d" "$mnt/Orders/alice/.d/a.json/x"
refused "no table" mv "$mnt/Orders/alice/.d" "$mnt/Dirs"
check "cp -a" cp -a "$mnt/Orders/alice/.d" "$mnt/.copy"
check "diff -r" diff -r "$mnt/Orders/alice/.d" "$mnt/.copy"
check "rm -r" rm -r "$mnt/.copy" "$mnt/Orders/alice/.d/a.json"
same "the item beside" 1 "$(jq .n "$mnt/Orders/alice/1.json")"

# A file in a scratch directory becomes an item, an item goes there
echo '{"text":"one"}' >"$mnt/Notes/.d/new"
check "put" mv "$mnt/Notes/.d/new" "$mnt/Notes/one.json"
same "the item" one "$(jq -r .text "$mnt/Notes/one.json")"
echo nonsense >"$mnt/Notes/.d/new"
refused "no document" mv "$mnt/Notes/.d/new" "$mnt/Notes/one.json"
same "stays" nonsense "$(cat "$mnt/Notes/.d/new")"
check "away" mv "$mnt/Notes/one.json" "$mnt/Notes/.d/one.json"
same "its text" one "$(jq -r .text "$mnt/Notes/.d/one.json")"
[ ! -e "$mnt/Notes/one.json" ] || fail "the item is still there"
refused "rmdir T with scratch" rmdir "$mnt/Notes"

# A directory stays the one that somebody is in, also when its name was known to be absent a moment before
python3 - "$mnt/.top" <<'PYTHON' || fail "directories that were entered"
import os, sys
held = []
os.chdir(sys.argv[1])
for i in range(200):
    name = 'd%d' % i
    assert not os.path.exists(name)
    os.mkdir(name)
    held.append(os.open(name, os.O_PATH))
    os.stat(name)
for i in range(200):
    assert os.readlink('/proc/self/fd/%d' % held[i]).endswith('/.top/d%d' % i), i
    os.rmdir('d%d' % i)
PYTHON

# git: a table with its repository beside the items, and one wholly in scratch
repository() {
  cd "$1" || return
  git init -q && git add -A && git commit -qm first &&
    echo more >"$2" && git add -A && git commit -qm second &&
    git checkout -q -b side HEAD~1 && echo side >"$3" && git add -A && git commit -qm side &&
    git checkout -q main && git merge -qm merged side && git gc -q && git fsck --strict 2>&1 &&
    [ -z "$(git status --porcelain)" ] && [ "$(git rev-list --count HEAD)" = 4 ] &&
    git clone -q "file://$PWD" "$4" && git -C "$4" fsck --strict 2>&1 &&
    git stash list && cd /
}
mkdir "$mnt/.work"
for ((i = 0; i < files; i++)); do echo "file $i" >"$mnt/.work/f$i"; done
check "git in scratch" repository "$mnt/.work" g h "$mnt/.clone"
same "cloned" "$((files + 2))" "$(find "$mnt/.clone" -maxdepth 1 -type f | wc -l)"
for i in 1 2 3; do echo "{\"n\":$i}" >"$mnt/Notes/$i.json"; done
rm -r "$mnt/Notes/.d"
check "git beside items" repository "$mnt/Notes" .more .side "$work/clone"
same "items in the clone" 2 "$(jq .n "$work/clone/2.json")"
rm -rf "$mnt/.clone" "$mnt/.work"

# sqlite3: a rollback journal, and a log with shared memory, by two processes at once
for mode in delete wal; do
  db=$mnt/.top/$mode.db
  same "journal" $mode "$(sqlite3 "$db" "pragma journal_mode=$mode; create table t(a, b)" | tail -n 1)"
  for writer in 1 2; do
    for i in $(seq 20); do
      sqlite3 -cmd '.timeout 20000' "$db" "insert into t select $writer, $i from (values (1), (2), (3))" ||
        fail "insert $mode"
    done &
    writers[writer]=$!
  done
  wait "${writers[1]}" "${writers[2]}"
  same "rows $mode" 120 "$(sqlite3 "$db" 'select count(*) from t')"
  same "integrity $mode" ok "$(sqlite3 "$db" 'pragma integrity_check')"
done

# Handles follow their file
python3 - "$mnt/.top" <<'PYTHON' || fail "open files"
import fcntl, mmap, os, subprocess, sys
os.chdir(sys.argv[1])
f = open('u', 'w+b', 0)
f.write(b'abc')
subprocess.run(['rm', 'u'], check=True)
g = open('u', 'w+b', 0)
g.write(b'other')
f.write(b'def')
os.fsync(f.fileno())
st = os.fstat(f.fileno())
assert (st.st_size, st.st_nlink) == (6, 0), st
assert os.pread(f.fileno(), 10, 0) == b'abcdef'
assert open('/proc/self/fd/%d' % f.fileno(), 'rb').read() == b'abcdef'
os.ftruncate(f.fileno(), 2)
assert os.fstat(f.fileno()).st_size == 2
os.utime(f.fileno(), ns=(5, 7))
assert os.fstat(f.fileno()).st_mtime_ns == 7
assert open('u', 'rb').read() == b'other'
subprocess.run(['mv', 'u', 'v'], check=True)
g.write(b'wise')
assert open('v', 'rb').read() == b'otherwise'
open('w', 'w').write('new')
subprocess.run(['mv', 'w', 'v'], check=True)
assert os.pread(g.fileno(), 20, 0) == b'otherwise'
g.write(b'!')
assert open('v', 'rb').read() == b'new'
f.close()
g.close()

# Appends from several processes are whole
open('log', 'w').close()
appender = "import os\nf = os.open('log', os.O_WRONLY | os.O_APPEND)\n" \
    "for i in range(200): os.write(f, b'%6d %6d\\n' % (os.getpid(), i))"
for p in [subprocess.Popen([sys.executable, '-c', appender]) for _ in range(4)]:
    assert p.wait() == 0
seen = {}
for line in open('log'):
    who, i = map(int, line.split())
    assert seen.get(who, -1) + 1 == i
    seen[who] = i
assert len(seen) == 4 and set(seen.values()) == {199}

# A shared mapping is the file, for this process and others
f = open('m', 'w+b', 0)
f.truncate(3 * 4096)
m = mmap.mmap(f.fileno(), 3 * 4096)
other = "import mmap, os\nf = open('m', 'r+b')\nm = mmap.mmap(f.fileno(), 0)\nassert m[0:5] == b'hello'\n" \
    "m[4096:4101] = b'there'"
m[0:5] = b'hello'
subprocess.run([sys.executable, '-c', other], check=True)
assert m[4096:4101] == b'there'
assert os.pread(f.fileno(), 5, 4096) == b'there'
os.pwrite(f.fileno(), b'H', 0)
assert m[0:5] == b'Hello'
m.flush()
assert open('m', 'rb').read(5) == b'Hello'
os.posix_fallocate(f.fileno(), 0, 20000)
assert os.fstat(f.fileno()).st_size == 20000
os.ftruncate(f.fileno(), 1 << 20)
assert os.pread(f.fileno(), 5, 1 << 19) == bytes(5)
assert os.lseek(f.fileno(), 0, os.SEEK_HOLE) == 1 << 20
m.close()
f.close()

# Locks
f = open('lock', 'w')
fcntl.flock(f, fcntl.LOCK_EX)
g = open('lock', 'w')
try:
    fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
    sys.exit('locked twice')
except BlockingIOError:
    pass
PYTHON

# What a crash leaves of a file that had lost its name: nothing
before=$(scratch_bytes)
mkdir "$mnt/Orders/bob"
echo temporary >"$mnt/Orders/bob/kept~"
# The bytes are there while it is open
exec 5<>"$mnt/.top/gone"
head -c 3000000 /dev/zero >&5
rm "$mnt/.top/gone"
[ "$(scratch_bytes)" -ge 3000000 ] || fail "the file's bytes are not counted"
sync -f "$mnt"
die
exec 5>&-
start
same "freed" "$((before + 10))" "$(scratch_bytes)"
# A directory that only scratch holds is still listed
same "listed" "alice bob" "$(ls "$mnt/Orders" | xargs)"
check "rm -r" rm -r "$mnt/Orders"
[ ! -e "$mnt/Orders" ] || fail "Orders"
stop
check "the store" "$DYNAMOUNT" check "$store" >/dev/null
finish
