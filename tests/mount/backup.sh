# Tables out and in again with the tools that people back up with: byte-identical documents, an equal definition, whatever
# the order in which files arrive.
. "$TESTS/lib.sh" || exit 1

part='^[C-F]' seeds='1 2'
[ -z "${DYNAMOUNT_LONG-}" ] || { part=. seeds='1 2 3 4'; }
check "import" "$DYNAMOUNT" import "$store" Countries --key alpha_2 - < <(countries) >/dev/null
check "import" "$DYNAMOUNT" import "$store" Subdivisions --key country,code - \
  < <(subdivisions | jq -c --arg part "$part" 'select(.country | test($part))') >/dev/null
start
out=$work/out
mkdir "$out"

# equal WHAT TABLE COPY: documents, names and definition, by content
equal() {
  check "$1" diff -r "$2" "$3"
  check "$1: definition" cmp "$2/.table.json" "$3/.table.json"
}
times() { (cd "$1" && find . -name '*.json' -printf '%P %T@\n' | sort); }

# cp -a, out and in
check "cp -a out" cp -a "$mnt/Subdivisions" "$out/cp-a"
equal "cp -a out" "$mnt/Subdivisions" "$out/cp-a"
check "cp -a in" cp -a "$out/cp-a" "$mnt/FromCpA"
equal "cp -a in" "$out/cp-a" "$mnt/FromCpA"
same "cp -a keeps times" "$(times "$out/cp-a")" "$(times "$mnt/FromCpA")"
same "cp -a: count" "$(jq .ItemCount "$mnt/Subdivisions/.status.json")" "$(jq .ItemCount "$mnt/FromCpA/.status.json")"

# cp -r, a simple table
check "cp -r out" cp -r "$mnt/Countries" "$out/cp-r"
check "cp -r in" cp -r "$out/cp-r" "$mnt/FromCpR"
equal "cp -r" "$mnt/Countries" "$mnt/FromCpR"

# table to table within the mount
check "cp -a within" cp -a "$mnt/Countries" "$mnt/CountriesToo"
equal "within" "$mnt/Countries" "$mnt/CountriesToo"

# rsync, twice
check "rsync out" rsync -a "$mnt/Subdivisions/" "$out/rsync/"
check "rsync in" rsync -a "$out/rsync/" "$mnt/FromRsync/"
equal "rsync" "$mnt/Subdivisions" "$mnt/FromRsync"
same "a second rsync in copies nothing" "" "$(rsync -ai "$out/rsync/" "$mnt/FromRsync/" | grep '^[<>ch]')"
same "a second rsync out copies nothing" "" "$(rsync -ai "$mnt/FromRsync/" "$out/rsync/" | grep '^[<>ch]')"
printf '{"name": "Changed"}' >>"$mnt/FromRsync/FR/FR-75.json"
same "rsync finds the change" ">f" "$(rsync -ai "$mnt/FromRsync/" "$out/rsync/" | cut -c1-2)"
same "no temporaries stay" 0 "$(find "$mnt/FromRsync" -name '.*.json.*' | wc -l)"

# tar
check "tar c" tar -C "$mnt/Subdivisions" -cf "$out/t.tar" .
check "mkdir" mkdir "$mnt/FromTar"
check "tar x" tar -C "$mnt/FromTar" -xf "$out/t.tar"
equal "tar" "$mnt/Subdivisions" "$mnt/FromTar"
same "tar keeps times" "$(cd "$mnt/Subdivisions" && find . -name '*.json' -printf '%P %Ts\n' | sort | md5sum)" \
  "$(cd "$mnt/FromTar" && find . -name '*.json' -printf '%P %Ts\n' | sort | md5sum)"

# any order: the definition comes at a random place among the files
shuffled() { # TABLE SEED
  local table=$1 target=$mnt/Shuffled$2 file
  mkdir "$target"
  (cd "$out/$table" && find . -type f | shuf --random-source=<(yes "$2")) | while read -r file; do
    mkdir -p "$target/$(dirname "$file")" && cp "$out/$table/$file" "$target/$file" || echo "$file"
  done
}
for seed in $seeds; do
  same "shuffled cp, seed $seed" "" "$(shuffled cp-r $seed)"
  equal "shuffled, seed $seed" "$out/cp-r" "$mnt/Shuffled$seed"
done
# last and first of all
mkdir "$mnt/Late"
(cd "$out/cp-a" && cp -r -- * "$mnt/Late/")
refused "a provisional table has no definition" cat "$mnt/Late/.table.json"
same "a provisional table shows the documents" "$(jq -S . "$out/cp-a/FR/FR-75.json")" \
  "$(jq -S 'del(.pk, .sk)' "$mnt/Late/FR/FR-75.json")"
check "the definition comes last" cp "$out/cp-a/.table.json" "$mnt/Late/.table.json"
equal "definition last" "$out/cp-a" "$mnt/Late"

# rm -rf
for table in FromCpA FromTar Shuffled1 CountriesToo; do
  check "rm -rf $table" rm -rf "$mnt/$table"
  same "$table is gone" "absent" "$(stat "$mnt/$table" 2>/dev/null || echo absent)"
done
same "the others stay" "Countries FromCpR FromRsync Late $(printf 'Shuffled%s ' ${seeds#1 })Subdivisions" "$(ls "$mnt" | xargs)"

# all of it again after a remount, and sound
stop
start
equal "after a remount" "$out/cp-a" "$mnt/Late"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
