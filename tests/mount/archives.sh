# Tables and partitions out and in again with every tool that copies many files: exit status, documents, times, the
# definition whatever the order, one put for each file and no deletion; and what a tool does with a refused document.
. "$TESTS/lib.sh" || exit 1

start trace="$work/trace"
out=$work/out
mkdir "$out"

# A table of odd names with a sort key, and one whose key is a number. Every file has a time of its own.
python3 - "$mnt" <<'PYTHON'
import json, os, sys, urllib.parse
mnt = sys.argv[1]
def define(table, keys):
    os.mkdir(mnt + "/" + table)
    with open(mnt + "/" + table + "/.table.json", "w") as f:
        json.dump({"KeySchema": [{"AttributeName": n, "KeyType": k} for n, _, k in keys],
                   "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t, _ in keys]}, f)
define("Parts", [("p", "S", "HASH"), ("s", "S", "RANGE")])
define("Numbers", [("id", "N", "HASH")])
with open(mnt + "/Parts/.items.jsonl", "w") as f:
    for p in ("alice", "b b", "ünïcödé", ".dot", "per%cent", "a/b", "-x"):
        for s in ("1", "two words", "~", "x/y\nz", "k" * 240, "long" * 200, "*?[a]", "'\"\\"):
            json.dump({"p": p, "s": s, "n": len(s), "text": s * 3, "set": {"$ns": [3, 1, 2]}}, f)
            f.write("\n")
with open(mnt + "/Numbers/.items.jsonl", "w") as f:
    for i in range(20):
        json.dump({"id": i * 7 - 70 + i / 8, "list": [{}, [], None]}, f)
        f.write("\n")
n = 0
for base, _, names in os.walk(mnt):
    for name in sorted(names):
        n += 1
        os.utime(base + "/" + name, ns=(0, 1234567890123456789 + n * 10**11 + n))
PYTHON
files() { find "$1" -type f | wc -l; }
same "items" "57 21" "$(files "$mnt/Parts") $(files "$mnt/Numbers")"

# Each tool copies the directory $1, whose name is the same in both places, below the directory $2.
copy_cp_a() { cp -a "$1" "$2"; }
copy_cp_r() { cp -r "$1" "$2"; }
copy_cp_preserve() { cp -r --preserve=all --sparse=always "$1" "$2"; }
copy_cp_reflink() { cp -a --reflink=auto "$1" "$2"; }
copy_rsync() { rsync -a "$1" "$2"; }
copy_rsync_full() { rsync -aHAXS --numeric-ids --fsync "$1" "$2"; }
copy_rsync_inplace() { rsync -a --inplace "$1" "$2"; }
copy_rsync_whole() { rsync -ac --whole-file --delete "$1" "$2"; }
copy_tar() { tar -C "$(dirname "$1")" --format=posix -cf - "$(basename "$1")" | tar -C "$2" -xf -; }
copy_tar_gnu() { tar -C "$(dirname "$1")" -cf - "$(basename "$1")" | tar -C "$2" -xf -; }
copy_tar_reverse() { # the deepest files first, the definition last
  (cd "$(dirname "$1")" && find "$(basename "$1")" -depth -type f -print0 | sort -zr |
    tar --format=posix --null --no-recursion -T - -cf -) | tar -C "$2" -xf -
}
copy_bsdtar() { bsdtar --format=pax -C "$(dirname "$1")" -cf - "$(basename "$1")" | bsdtar -C "$2" -xpf -; }
copy_cpio() {
  (cd "$(dirname "$1")" && find "$(basename "$1")" -print0 | sort -z | cpio --quiet -0 -o -H newc) |
    (cd "$2" && cpio --quiet -i -d -m -u)
}
copy_cpio_depth() {
  (cd "$(dirname "$1")" && find "$(basename "$1")" -depth -print0 | cpio --quiet -0 -o -H newc) |
    (cd "$2" && cpio --quiet -i -d -m)
}
copy_cpio_pass() {
  (cd "$(dirname "$1")" && find "$(basename "$1")" -print0 | sort -z | cpio --quiet -0 -p -d -m -u "$2")
}
copy_zip() {
  rm -f "$work/z.zip"
  (cd "$(dirname "$1")" && find "$(basename "$1")" | sort | zip -q "$work/z.zip" -@) &&
    unzip -qo "$work/z.zip" -d "$2" </dev/null
}
# those that write over what is there, or beside it, rather than remove it first
copy_tar_overwrite() { tar -C "$(dirname "$1")" -cf - "$(basename "$1")" | tar -C "$2" --overwrite -xf -; }
copy_bsdtar_safe() {
  bsdtar -C "$(dirname "$1")" -cf - "$(basename "$1")" | bsdtar -C "$2" --safe-writes -xf -
}

# TOOL, and what it keeps of a file's time: nanoseconds, seconds, nothing
tools='
cp_a ns
cp_r none
cp_preserve ns
cp_reflink ns
rsync ns
rsync_full ns
rsync_inplace ns
rsync_whole ns
tar ns
tar_gnu s
tar_reverse ns
bsdtar ns
cpio s
cpio_depth s
cpio_pass s
zip s
'
times() { # PRECISION DIRECTORY
  local format='%P %T@\n'
  [ "$1" = ns ] || format='%P %Ts\n'
  [ "$1" = none ] || (cd "$2" && find . -type f -printf "$format" | sort)
}
# The engine's writes of items since the last time, counted; what becomes of definitions and scratch files is not among them.
puts() {
  jq -r 'select(.operation | test("^(Put|Update|Delete|BatchWrite|Move)")) | "\(.operation) \(.result)"' "$work/trace" |
    sort | uniq -c | awk '{ $1 = $1 } 1' | paste -sd,
  : >"$work/trace"
}
mkdir "$out/kept"
cp -a "$mnt/Parts/b b/." "$out/kept"
alike() { # WHAT PRECISION ONE OTHER
  check "$1" diff -r "$3" "$4"
  check "$1: definition" cmp "$3/.table.json" "$4/.table.json"
  check "$1: times" diff <(times "$2" "$3") <(times "$2" "$4")
}

# Out, and in under another name. Partitions alone are the same, but for the definition.
while read -r tool precision; do
  mkdir "$out/$tool"
  for table in Parts Numbers; do
    check "$tool out" "copy_$tool" "$mnt/$table" "$out/$tool"
    alike "$tool out" "$precision" "$mnt/$table" "$out/$tool/$table"
    mv "$out/$tool/$table" "$out/$tool/Copy"
    : >"$work/trace"
    check "$tool in" "copy_$tool" "$out/$tool/Copy" "$mnt"
    same "$tool in: writes" "$(($(files "$mnt/$table") - 1)) PutItem ok" "$(puts)"
    alike "$tool in" "$precision" "$mnt/$table" "$mnt/Copy"
    same "$tool in: count" "$(jq .ItemCount "$mnt/$table/.status.json")" "$(jq .ItemCount "$mnt/Copy/.status.json")"
    check "rm -r" rm -r "$mnt/Copy" "$out/$tool/Copy"
  done
  check "$tool, a partition out" "copy_$tool" "$mnt/Parts/b b" "$out/$tool"
  rm -r "$mnt/Parts/b b"
  : >"$work/trace"
  check "$tool, a partition in" "copy_$tool" "$out/$tool/b b" "$mnt/Parts"
  same "$tool, a partition in: writes" "8 PutItem ok" "$(puts)"
  check "$tool, a partition" diff -r "$out/$tool/b b" "$mnt/Parts/b b"
  check "$tool, a partition: times" diff <(times "$precision" "$out/$tool/b b") <(times "$precision" "$mnt/Parts/b b")
  cp -a --remove-destination "$out/kept/." "$mnt/Parts/b b"
done < <(grep . <<<"$tools")

# One document of many breaks a rule. TOOL, the item that is refused (those that end at the first error get the last one),
# the tool's exit status, and what becomes of an item that was there: who removes a file before writing it anew has removed
# it, and tar dates what it could not write.
refusing='
cp_a 5 1 stays
cp_r 5 1 stays
rsync 5 23 stays
rsync_whole 5 23 stays
rsync_inplace 9 11 stays
tar_overwrite 5 2 dated
bsdtar_safe 5 1 stays
tar_gnu 5 2 removed
bsdtar 5 1 removed
cpio 9 2 removed
cpio_pass 9 2 removed
zip 9 50 removed
'
mkdir "$out/Old"
cp "$mnt/Numbers/.table.json" "$out/Old"
items() { (cd "$1" && jq -c '[.id, .v, .x]' ./?.json); }
while read -r tool bad status fate; do
  for there in yes no; do
    document='{"id": 77, "v": 3}'
    [ $there = yes ] || document=garbage
    expected=none
    what="$tool, there before: $there"
    for i in 1 2 3 4 5 6 7 8 9; do printf '{"v": 2, "x": "%s"}' $i >"$out/Old/$i.json"; done
    printf '%s' "$document" >"$out/Old/$bad.json"
    if [ $there = yes ]; then
      mkdir "$mnt/Old"
      cp "$mnt/Numbers/.table.json" "$mnt/Old"
      for i in 1 2 3 4 5 6 7 8 9; do echo '{"v": 1}' >"$mnt/Old/$i.json"; done
      touch -d @1.5 "$mnt/Old"/*.json
      case $fate in
        stays) expected="[$bad,1,null] 1.5000000000" ;;
        dated) expected="[$bad,1,null]" ;;
      esac
    fi
    : >"$work/trace"
    "copy_$tool" "$out/Old" "$mnt" 2>"$work/said"
    same "$what: exit status" "$status" $?
    grep -q "$bad.json\|write error" "$work/said" || fail "$what: said $(cat "$work/said")"
    same "$what: puts" 8 "$(grep -c '"PutItem"' "$work/trace")"
    format='%T@'
    [ "$fate" != dated ] || format=
    same "$what: the item" "$expected" \
      "$(find "$mnt/Old" -name "$bad.json" -exec jq -c '[.id, .v, .x]' {} \; -printf "$format" | xargs -d '\n' | grep . || echo none)"
    rm -f "$mnt/Old/$bad.json" "$out/Old/$bad.json"
    same "$what: the others" "$(seq 9 | grep -v "$bad" | sed 's/.*/[&,2,"&"]/')" "$(items "$mnt/Old")"
    check "rm -r" rm -r "$mnt/Old"
  done
done < <(grep . <<<"$refusing")

# rsync: a second run has nothing to do, -c finds what times do not tell, --delete removes, each change is one put.
# By itself rsync compares whole seconds; here, nanoseconds.
rsync_in() { rsync -ai --modify-window=-1 --omit-dir-times "$@" "$out/Parts/" "$mnt/Parts/"; }
rsync_out() { rsync -ai --modify-window=-1 --omit-dir-times "$@" "$mnt/Parts/" "$out/Parts/"; }
same "rsync out" 57 "$(rsync_out | grep -c '^>f')"
same "rsync out again" "" "$(rsync_out)"
same "rsync out again, -n -c" "" "$(rsync_out -nc --delete)"
same "rsync in: nothing to do" "" "$(rsync_in -c --delete)"
for how in "" --inplace "--inplace --no-whole-file" --no-whole-file --delay-updates; do
  item=$out/Parts/alice/1.json
  sed -i 's/"n": [0-9]*/"n": 7'"$RANDOM"'/' "$item"
  touch -d @1234567890.5 "$item"
  : >"$work/trace"
  # shellcheck disable=SC2086
  same "rsync $how in" ">f" "$(rsync_in $how | cut -c1-2)"
  same "rsync $how in: writes" "1 PutItem ok" "$(puts)"
  check "rsync $how in" cmp "$item" "$mnt/Parts/alice/1.json"
  # shellcheck disable=SC2086
  same "rsync $how in again" "" "$(rsync_in $how)"
  printf '%s' '{"n": 100'"$RANDOM"'}' >>"$mnt/Parts/alice/1.json"
  # shellcheck disable=SC2086
  same "rsync $how out" ">f" "$(rsync_out $how | cut -c1-2)"
  check "rsync $how out" cmp "$mnt/Parts/alice/1.json" "$item"
done
sed -i 's/111/222/' "$out/Parts/b b/1.json"
touch -r "$mnt/Parts/b b/1.json" "$out/Parts/b b/1.json"
same "the same size and time" "" "$(rsync_in)"
same "rsync -c" ">f" "$(rsync_in -c | cut -c1-2)"
check "rsync -c" diff -r "$out/Parts" "$mnt/Parts"
rm -r "$out/Parts/b b" "$out/Parts/alice/1.json"
: >"$work/trace"
same "rsync --delete" "10 *deleting" "$(rsync_in --delete | cut -c1-9 | uniq -c | xargs)"
same "rsync --delete: writes" "9 DeleteItem ok" "$(puts)"
check "rsync --delete" diff -r "$out/Parts" "$mnt/Parts"
echo '{"kept": true}' >"$mnt/Parts/alice/1.json"
rm "$out/Parts/.table.json"
same "rsync --delete of a definition" "2 *deleting" "$(rsync_in --delete | cut -c1-9 | uniq -c | xargs)"
same "the definition stays" p "$(jq -r '.KeySchema[0].AttributeName' "$mnt/Parts/.status.json")"

# comparing archives with what is there
tar --format=posix -C "$mnt" -cf "$work/t.tar" Numbers
check "tar -d" tar -C "$mnt" -df "$work/t.tar"
printf '{"n": 1}' >>"$mnt/Numbers/-70.json"
same "tar -d of a change" "Numbers/-70.json: Mod time differs Numbers/-70.json: Size differs" \
  "$(tar -C "$mnt" -df "$work/t.tar" | xargs)"
: >"$work/trace"
check "tar --overwrite" tar -C "$mnt" --overwrite -xf "$work/t.tar" Numbers/-70.json
same "tar --overwrite: writes" "1 PutItem ok" "$(puts)"
check "tar -d after it" tar -C "$mnt" -df "$work/t.tar"
finish
