# A kernel that can be asked for names only: above -o nodes= files are given back, and nobody loses his directory.
. "$TESTS/lib.sh" || exit 1

[ -n "${OLDER_MODULE-}" ] || exit 77
items=4000
limit=500
slack=1500 # what is on its way back to us, and one listing's reply

for i in $(seq $items); do printf '{"p":"p%d","s":"%d"}\n' $((i % 20)) "$i"; done |
  "$DYNAMOUNT" import "$store" Parts --key p,s - >/dev/null || fail "import"
LD_PRELOAD=$OLDER_MODULE start nodes=$limit
cd "$mnt/Parts/p1" || fail "cd"
for round in 1 2 3; do
  same "found, round $round" $items "$(find "$mnt" -type f -name '[0-9]*.json' | wc -l)"
  now=$(jq .nodes "$mnt/.status")
  [ "$now" -le $((limit + slack)) ] || fail "$now nodes, $limit are allowed"
done
few() { [ "$(jq .nodes "$mnt/.status")" -le $((limit + 100)) ]; }
poll "the rest goes, too" few
# all else was used later
for other in p{2..9} p{2..9}; do ls -l "$mnt/Parts/$other" >/dev/null || fail "ls"; done
poll "and again" few
same "here" "$mnt/Parts/p1" "$(readlink /proc/$$/cwd)"
same "items here" $((items / 20)) "$(ls | wc -l)"
cd / || fail "cd"
finish
