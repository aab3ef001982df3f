# A database in a scratch file: sqlite3 with its rollback journal and with a write-ahead log, locks between processes, and what a killed writer leaves.
. "$TESTS/lib.sh" || exit 1

start
t=$mnt/Users
mkdir "$t"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$t/.table.json"
echo '{"age": 41}' >"$t/alice.json"
db=$t/.cache.db
sql() { sqlite3 -batch -cmd '.timeout 20000' "$db" "$@"; }

# every way of keeping a journal; the same database on another filesystem says the same
work_out() {
  cat <<SQL
PRAGMA journal_mode=$1;
CREATE TABLE words(id INTEGER PRIMARY KEY, word TEXT UNIQUE, n INTEGER);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000)
INSERT INTO words SELECT i, 'word' || (i * 7919 % 10007), i % 97 FROM c;
CREATE INDEX by_n ON words(n);
BEGIN; DELETE FROM words WHERE n < 10; ROLLBACK;
BEGIN; UPDATE words SET word = word || 'x' WHERE n = 11; COMMIT;
DELETE FROM words WHERE n = 12;
VACUUM;
SELECT count(*), sum(n), sum(length(word)) FROM words;
SELECT word FROM words WHERE n = 11 ORDER BY word LIMIT 3;
PRAGMA integrity_check;
SQL
}
for journal in delete truncate persist memory wal; do
  rm -f "$db"* "$work/other.db"*
  work_out $journal | sqlite3 -batch "$work/other.db" >"$work/expected"
  check "$journal" grep -q "^ok$" "$work/expected"
  same "$journal" "$(cat "$work/expected")" "$(work_out $journal | sql)"
  check "$journal: the same bytes" cmp "$work/other.db" "$db"
  [ $journal = persist ] || same "$journal: no journal is left" "" "$(find "$t" -name '*-journal' -size +0)"
done

# a transaction under way: its text is partly in the file or in the log
transaction() {
  python3 - "$db" "$work/underway" <<'PYTHON'
import signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 5")
db.execute("BEGIN EXCLUSIVE")
db.execute("UPDATE counter SET n = 0")
db.execute("CREATE TABLE spilled(text)")
db.executemany("INSERT INTO spilled VALUES(?)", [("x" * 900,)] * 300)
open(sys.argv[2], "w").write("y")
signal.pause()
PYTHON
}
for journal in delete wal; do
  # several processes at once, each reading while others write
  rm -f "$db"*
  sql "PRAGMA journal_mode=$journal; CREATE TABLE counter(n); INSERT INTO counter VALUES(0);" >/dev/null
  writers=
  for _ in 1 2 3; do
    (for _ in $(seq 20); do sql 'UPDATE counter SET n = n + 1; SELECT n FROM counter;' || exit 1; done) >/dev/null &
    writers="$writers $!"
  done
  for writer in $writers; do wait "$writer" || fail "$journal: a writer"; done
  same "$journal: three writers" 60 "$(sql 'SELECT n FROM counter;')"

  # others see its lock, and it is rolled back whether its process dies or the mount does
  for end in process mount; do
    what="$journal, the end of the $end"
    rm -f "$work/underway"
    transaction 2>/dev/null &
    poll "$what: under way" test -s "$work/underway"
    victim=$(pgrep -P $! python3 || echo $!)
    check "$what: what it has written" test -s "$db-$([ $journal = wal ] && echo wal || echo journal)"
    said=$(sqlite3 -batch "$db" 'UPDATE counter SET n = 5;' 2>&1) && fail "$what: a locked database was written"
    [[ $said == *"locked"* ]] || fail "$what: a locked database: $said"
    [ $end = process ] || die
    kill -9 "$victim"
    wait $! 2>/dev/null
    [ $end = process ] || start
    same "$what: rolled back" 60 "$(sql 'SELECT n FROM counter;')"
    same "$what: sound" ok "$(sql 'PRAGMA integrity_check;')"
    same "$what: the tables" counter "$(sql '.tables' | xargs)"
  done
done

# no room: the statement is refused, and what was there stays
stop
start scratch=1M
said=$(sql "CREATE TABLE large(text); INSERT INTO large VALUES(hex(zeroblob(1000000)));" 2>&1) && fail "2 MB in 1 MB of scratch"
[[ $said == *"database or disk is full"* ]] || fail "no room: $said"
same "no room: what was there" "60 0" "$(sql 'SELECT n FROM counter; SELECT count(*) FROM large;' | xargs)"
same "no room: sound" ok "$(sql 'PRAGMA integrity_check;')"
stop
start
same "with room again: sound, and the log is worked off" ok "$(sql 'PRAGMA integrity_check;')"
same "the item beside it" 41 "$(jq .age "$t/alice.json")"
same "is the only one" 1 "$(jq .ItemCount "$t/.status.json")"
check "moved out" mv "$db" "$work/moved.db"
same "moved out" 60 "$(sqlite3 "$work/moved.db" 'SELECT n FROM counter;')"
finish
