# What stat, df, du, find, touch, ls, rsync and inotifywait say of a mount is true.
. "$TESTS/lib.sh" || exit 1

countries | "$DYNAMOUNT" import "$store" Countries --key alpha_2 - >/dev/null || fail "import"
subdivisions | jq -c 'select(.country < "G")' | "$DYNAMOUNT" import "$store" Subdivisions --key country,code - >/dev/null || fail "import"
start "trace=$work/trace"
dir=$mnt/Countries f=$mnt/Countries/FR.json

# ---- df and du ----

same "df: sizes of the store's disk" "$(df --output=size,itotal "$work" | tail -n 1)" "$(df --output=size,itotal "$mnt" | tail -n 1)"
# What is free changes, with other users of the disk: so it is looked at before and after.
between() { [ "$2" -ge "$(($1 < $3 ? $1 : $3))" ] && [ "$2" -le "$(($1 > $3 ? $1 : $3))" ]; }
free_space() {
  local before now
  before=$(stat -fc '%f' "$work")
  now=$(stat -fc '%f' "$mnt")
  between "$before" "$now" "$(stat -fc '%f' "$work")"
}
poll "df: what is free" free_space
same "names and blocks" "255 4096 4096" "$(stat -fc '%l %s %S' "$mnt")"
same "df: its name" "$store $mnt" "$(df --output=source,target "$f" | tail -n 1 | tr -s ' ')"

bytes=$(find "$mnt" -type f -exec cat {} + | wc -c)
same "du --apparent-size" "$bytes" "$(du -s -B1 --apparent-size "$mnt" | cut -f 1)"
same "find's sizes" "$bytes" "$(find "$mnt" -type f -printf '%s\n' | awk '{n += $1} END {print n}')"
same "du: of a file, blocks of 512" "$((($(cat "$f" | wc -c) + 511) / 512))" "$(stat -c %b "$f")"
used=$(du -s -B1 "$mnt" | cut -f 1)
check "du: no less than the text, and its blocks" test "$used" -ge "$bytes" -a "$used" -le $((bytes + 512 * $(find "$mnt" -type f | wc -l)))
stored=$(stat -c %s "$store/data.mdb")
check "du: near to what is stored ($used, $stored)" test "$used" -ge $((stored / 4)) -a "$used" -le $((stored * 4))
same "du: of what was listed and of what was looked up" "$(du -s "$dir" | cut -f 1)" \
  "$(du -c "$dir"/*.json "$dir/.table.json" | tail -n 1 | cut -f 1)"

# ---- stat and find ----

same "directories have one link" 1 "$(find "$mnt" -printf '%n\n' | sort -u)"
same "files and directories, nothing else" "$(find "$mnt" -type d | wc -l) $(find "$mnt" -type f | wc -l)" \
  "$(find "$mnt" -printf '%y\n' | sort | uniq -c | awk '{print $1}' | xargs)"
inodes() { find "$mnt" -printf '%i %P\n' | sort -k 2; }
inodes >"$work/inodes"
same "inode numbers differ" "$(wc -l <"$work/inodes")" "$(cut -d ' ' -f 1 "$work/inodes" | sort -u | wc -l)"
for table in Countries Subdivisions; do
  same "a definition's is the lowest of its table" "$table/.table.json" \
    "$(grep " $table" "$work/inodes" | sort -n | head -n 1 | cut -d ' ' -f 2)"
done
same "ls -i and stat agree" "$(stat -c %i "$f")" "$(ls -i "$f" | cut -d ' ' -f 1)"
cat "$f" >"$work/text"
before=$(stat -c %i "$f")
check "a new text" bash -c "jq -c '.note = 1' '$work/text' >'$f'"
check "another name" mv "$f" "$dir/FX.json"
same "keeps the inode" "$before" "$(stat -c %i "$dir/FX.json")"
check "and back" mv "$dir/FX.json" "$f"
check "as it was" bash -c "cat '$work/text' >'$f'"
same "all keep theirs" "$(cat "$work/inodes")" "$(inodes)"

touch "$work/before"
poll "later" bash -c 'touch "$0" && [ "$0" -nt "$1" ]' "$work/later" "$work/before"
same "find -newer: nothing" "" "$(find "$mnt" -newer "$work/later")"
check "a change" bash -c "cat '$work/text' >'$dir/GF.tmp' && rm '$dir/GF.tmp' && echo '{}' >'$dir/ZZ.json' && echo '{\"n\":1}' >>'$f'"
same "find -newer: what has changed" "FR.json ZZ.json" "$(find "$mnt" -type f -newer "$work/later" -printf '%f\n' | sort | xargs)"
same "find -newermt" "FR.json ZZ.json" "$(find "$mnt" -type f -newermt "$(stat -c %y "$work/later")" -printf '%f\n' | sort | xargs)"
same "find -mmin" "" "$(find "$mnt" -type f -mmin +60)"
echo "{\"text\":\"$(head -c 5000 /dev/zero | tr '\0' x)\"}" >"$dir/ZZ.json"
same "find -size" "ZZ.json" "$(find "$mnt" -type f -size +4k -printf '%f\n' | xargs)"
same "find -size, in bytes" "ZZ.json" "$(find "$dir" -size "$(cat "$dir/ZZ.json" | wc -c)c" -printf '%f\n')"
same "find -empty" "" "$(find "$mnt" -empty)"
touch "$dir/note"
same "find -empty: a scratch file" "note" "$(find "$mnt" -empty -printf '%f\n')"
same "which takes no blocks" "0 0" "$(stat -c '%s %b' "$dir/note")"
rm "$dir/note" "$dir/ZZ.json"

# ---- Times, by touch and by utimensat ----

mtime() { stat -c %.9Y "${1:-$f}"; }
for time in 2001-02-03T04:05:06.123456789 1969-12-31T23:59:59.999999999 1902-01-01T00:00:00.000000001 2099-12-31T23:59:59.5 1970-01-01T00:00:00; do
  check "touch -d $time" touch -d "$time" "$f"
  touch -d "$time" "$work/reference"
  same "touch -d $time" "$(mtime "$work/reference")" "$(mtime)"
  check "touch -m -d $time" touch -m -d "$time" "$dir/DE.json"
  same "touch -m -d $time" "$(mtime)" "$(mtime "$dir/DE.json")"
done
touch -d 2001-02-03T04:05:06.7 "$f"
check "touch -a" touch -a "$f"
check "touch -a -d" touch -a -d 2002-02-02 "$f"
same "changes nothing" "$(date -d 2001-02-03T04:05:06.7 +%s.%N)" "$(mtime)"
check "touch -r" touch -r "$f" "$dir/DE.json"
same "touch -r" "$(mtime)" "$(mtime "$dir/DE.json")"
touch -d 2001-02-03 "$work/later"
check "touch" touch "$f"
check "touch: now" test "$f" -nt "$work/before"
check "touch -c of nothing" touch -c "$dir/ZZ.json"
same "makes nothing" absent "$(stat "$dir/ZZ.json" 2>/dev/null || echo absent)"
before=$(cat "$f")
export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
check "utimensat" python3 - <<'PYTHON'
from calls import *
import struct
f, NOW, OMIT = "Countries/FR.json", (0, (1 << 30) - 1), (0, (1 << 30) - 2)
def utimens(access, modification, by_handle):
    if not by_handle:
        return fails(libc.utimensat(-100, os.fsencode(mnt + f), struct.pack("qqqq", *access, *modification), 0))
    fd = os.open(mnt + f, os.O_RDONLY)
    result = fails(libc.futimens(fd, struct.pack("qqqq", *access, *modification)))
    os.close(fd)
    return result
def times():
    st = os.stat(mnt + f)
    return st.st_atime_ns, st.st_mtime_ns, st.st_ctime_ns
for by_handle in (False, True):
    for access, modification, expected in (
        ((5, 5), (7, 123456789), 7123456789), (OMIT, OMIT, 7123456789), ((9, 9), OMIT, 7123456789), (NOW, OMIT, 7123456789),
        (OMIT, (11, 999999999), 11999999999), (NOW, (12, 1), 12000000001), ((1, 1), (-1, 5), -999999995), (OMIT, (-2208988800, 999999999), -2208988799000000001),
        ((1, 1), (-2**40, 5), -2**63), ((1, 1), (2**40, 5), 2**63 - 1)):
        same("%r %r" % (access, modification), ("ok", (expected,) * 3), (utimens(access, modification, by_handle), times()))
    before = time.time_ns() - 10**9
    same("now", ("ok", True), (utimens(OMIT, NOW, by_handle), before < times()[1] < time.time_ns() + 10**9))
    same("no such nanoseconds", "EINVAL", utimens((0, 0), (0, 10**9), by_handle))
finish()
PYTHON
same "times are no text" "$before" "$(cat "$f")"
check "of a directory: accepted" touch -d 2001-02-03 "$dir"
check "of a definition: accepted" touch -d 2001-02-03 "$dir/.table.json"

# ---- Owner, mode, attributes ----

before=$(stat -c '%a %u %g %Y %s' "$f")
for command in "chmod 600" "chmod a-w" "chmod u+s" "chown 12" "chown 12:34" "chgrp 34"; do
  for path in "$f" "$dir" "$dir/.table.json" "$mnt"; do
    # shellcheck disable=SC2086
    check "$command $path" $command "$path"
  done
done
check "chmod -R" chmod -R 700 "$mnt/Subdivisions/FR"
same "without effect" "$before" "$(stat -c '%a %u %g %Y %s' "$f")"
same "no attributes are listed" "" "$(getfattr -d -m - "$f" "$dir" "$dir/.table.json" 2>&1)"
refused "setfattr" setfattr -n user.note -v x "$f"
if command -v setfacl >/dev/null; then
  for path in "$f" "$dir"; do
    check "setfacl: $path" grep -q 'Operation not supported' <(setfacl -m u:1:r "$path" 2>&1)
    check "setfacl -b" setfacl -b "$path"
    same "getfacl is the mode" "$(stat -c %A "$path" | sed 's/^.\(...\)\(...\)\(...\)/user::\1 group::\2 other::\3/')" "$(getfacl -cp "$path" | xargs)"
  done
fi
check "lsattr" grep -q 'not supported' <(lsattr "$f" 2>&1)
check "chattr" grep -q 'not supported' <(chattr +i "$f" 2>&1)
# are PATH: which of test's questions are answered with yes
are() {
  for question in e f d r w x O G s u g k L p S; do
    test -$question "$1" && echo -n $question
  done
}
for answers in "efrwOGs $f" "efrwOGs $dir/.table.json" "edrwxOG $dir" "edrwxOG $mnt" "efrOG $dir/.status.json" "edrxOG $dir/.scan"; do
  same "test: ${answers#* }" "${answers%% *}" "$(are "${answers#* }")"
done
same "find -executable" "" "$(find "$dir" -type f -executable)"

# ---- ls: no request for each file ----

requests() { jq '[.requests[]] | add' "$mnt/.status"; }
looks=0
settled() { looks=$((looks + 1)) && [ "$(jq .handles "$mnt/.status")" -le 1 ]; }
# costs COMMAND…: $cost requests, without those of looking
costs() {
  local before after own
  poll "closed" settled
  before=$(requests)
  looks=1
  poll "closed" settled
  after=$(requests)
  own=$(((after - before) / looks)) # each look costs the same
  before=$after
  looks=1
  "$@" >/dev/null 2>&1 || fail "$*"
  poll "closed" settled
  after=$(requests)
  cost=$((after - before - own * looks))
}
stop
start "trace=$work/trace"
for colours in '' 'ca=30;41:ex=01;32:*.json=00;36:mi=01;05'; do
  for options in --color=always "--color=always -l" -l "-lR --color=always" "-F --color=always" -la; do
    # shellcheck disable=SC2086
    LS_COLORS=$colours costs ls $options "$dir"
    echo "LS_COLORS=$colours ls $options: $cost requests"
    check "ls $options: $cost requests for 250 files" test "$cost" -le 30
  done
done

# ---- rsync ----

moved() { rsync -a --stats "$@" | sed -n 's/^Number of regular files transferred: //p' | tr -d ,; }
files=$(find "$mnt" -type f | wc -l)
same "rsync -a out" "$files" "$(moved "$mnt/" "$work/copy")"
same "again" 0 "$(moved "$mnt/" "$work/copy")"
mkdir "$work/in" && cp -a "$work/copy/Countries" "$work/in/Nations" && cp -a "$work/copy/Subdivisions" "$work/in/Parts"
same "rsync -a in" "$files" "$(moved "$work/in/" "$mnt")"
: >"$work/trace"
same "again" 0 "$(moved "$work/in/" "$mnt")"
check "directories' times are set, to no effect" rsync -a "$work/in/" "$mnt"
same "and nothing is written" "" "$(jq -r '.operation' "$work/trace" | grep -E '^(Put|Update|Delete|Batch|Create)' | sort -u | xargs)"
same "times came along" "$(cd "$work/in" && find . -type f -printf '%P %T@\n' | sort | cksum)" \
  "$(cd "$mnt" && find Nations Parts -type f -printf '%p %T@\n' | sort | cksum)"
touch "$mnt/Nations/FR.json"
same "one that was touched" 1 "$(moved "$work/in/" "$mnt")"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
