# Real data, looked at with everyday tools.
. "$TESTS/lib.sh" || exit 1

check "import" import_real_data "$store"
start
cd "$mnt" || finish

same "ls" "Countries Subdivisions" "$(ls | xargs)"
same "countries" "$(countries | wc -l)" "$(ls Countries | wc -l)"
same "subdivisions" "$(subdivisions | wc -l)" "$(find Subdivisions -name '*.json' -not -name '.*' | wc -l)"
same "partitions" "$(subdivisions | jq -r .country | sort -u | wc -l)" "$(ls Subdivisions | wc -l)"
same "a document" "$(countries | jq -S 'select(.alpha_2 == "FR")')" "$(jq -S . Countries/FR.json)"
same "jq's layout" "$(jq --indent 2 . Countries/FR.json)" "$(cat Countries/FR.json)"
same "key first" '  "alpha_2": "FR",' "$(sed -n 2p Countries/FR.json)"
same "grep -r" "$(subdivisions | grep -c '"Canton"')" "$(grep -r '"Canton"' Subdivisions | wc -l)"
same "grep without -r" "Subdivisions/FR/FR-75.json" "$(grep -l 'Paris' Subdivisions/FR/FR-75*.json)"
same "the largest partition" "$(subdivisions | jq -r .country | sort | uniq -c | sort -rn | awk 'NR==1{print $1}')" \
  "$(for d in Subdivisions/*/; do ls "$d" | wc -l; done | sort -n | tail -1)"
same "wc -c" "$(cat Countries/DE.json | wc -c)" "$(wc -c <Countries/DE.json)"
same "stat" "$(cat Countries/DE.json | wc -c)" "$(stat -c %s Countries/DE.json)"
same "every size is exact" 0 "$(find . -name '*.json' -not -name '.*' -size -1c | wc -l)"
same "du counts" 0 "$(du -s Countries | awk '{print $1 == 0}')"
same "items.jsonl" "$(countries | jq -cS . | sort | md5sum)" "$(jq -cS . Countries/.items.jsonl | sort | md5sum)"
same "scan segments" "$(cat Countries/.items.jsonl | sort | md5sum)" "$(cat Countries/.scan/7/*.jsonl | sort | md5sum)"
same "segments listed" "0.jsonl 1.jsonl 2.jsonl" "$(ls Countries/.scan/3 | xargs)"
same "typed" '{"S":"FR"}' "$(jq -c .alpha_2 Countries/.typed/FR.json)"
same "the definition" '[{"AttributeName":"country","KeyType":"HASH"},{"AttributeName":"code","KeyType":"RANGE"}]' \
  "$(jq -c .KeySchema Subdivisions/.table.json)"
same "listed first" ".table.json" "$(ls -fA Countries | head -1)"
same "its inode is the lowest" ".table.json" "$(ls -iA Countries | sort -n | awk 'NR==1{print $2}')"
same "ItemCount" "$(countries | wc -l)" "$(jq .ItemCount Countries/.status.json)"
same "user.size" "$(jq -r '[to_entries[] | (.key | utf8bytelength) + (.value | utf8bytelength)] | add' Countries/FR.json)" \
  "$(getfattr --only-values -n user.size Countries/FR.json)"
same "nothing virtual is listed" "" "$(ls -A | grep '^\.')"
same "only .table.json is" ".table.json" "$(ls -A Subdivisions | grep '^\.')"
same "status" "$mnt" "$(jq -r .mountpoint .status)"
check "df" df . >/dev/null
same "no other name" "absent" "$(cat Countries/XX.json 2>/dev/null || echo absent)"
same "nor another spelling" "absent" "$(cat Countries/%46R.json 2>/dev/null || echo absent)"
same "same inode again" "$(stat -c %i Countries/FR.json)" "$(stat -c %i Countries/FR.json)"
cd / || finish

inode=$(stat -c %i "$mnt/Countries/FR.json")
mtime=$(stat -c %y "$mnt/Countries/FR.json")
stop
start
same "stable inode" "$inode" "$(stat -c %i "$mnt/Countries/FR.json")"
same "stable mtime" "$mtime" "$(stat -c %y "$mnt/Countries/FR.json")"
finish
