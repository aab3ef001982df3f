# A bank: eight processes transfer between a hundred accounts, some by transactions of the shell, some by those of the API,
# while the filesystem is killed again and again. The sum never changes: in no snapshot, in no restart, between no two
# transactions of the stream; and what was acknowledged is there, once.
. "$TESTS/lib.sh" || exit 1

rounds=${DYNAMOUNT_LONG:+200}
rounds=${rounds:-20}

table() { # NAME
  mkdir "$mnt/$1"
  jq -n '{AttributeDefinitions: [{AttributeName: "id", AttributeType: "S"}], KeySchema: [{AttributeName: "id", KeyType: "HASH"}],
    StreamSpecification: {StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES"}}' >"$mnt/$1/.table.json" || fail "$1"
}

# ---- Transfers by the shell ----

cat >"$work/clerk" <<'END'
#!/bin/bash
# clerk MNT DIR NAME tokens|plain: until DIR/stop is there
mnt=$1 directory=$2 name=$3 tokens=$4
done=0 conflicts=0 refused=0 away=0 again=0
unseen=()
why='length > 0 and all(.[]; .path and .Code and .Message)'

stopped() { [ -e "$directory/stop" ]; }
# Whose mount it is; a name that the kernel remembers may outlive that.
serving() { jq -e .pid "$mnt/.status" 2>/dev/null; }
away() {
  away=$((away + 1))
  until stopped || serving >/dev/null; do sleep 0.02; done
  look
}
# What was acknowledged is there, whatever died since.
look() {
  local id pid
  pid=$(serving) || return
  for id in "${unseen[@]}"; do
    [ -e "$mnt/Transfers/$id.json" ] && continue
    [ "$(serving)" = "$pid" ] || return # it died meanwhile
    echo "bank: $name: transfer $id was acknowledged and is gone" >&2
    exit 1
  done
  unseen=()
}
# stage TXN ID SOURCE TARGET AMOUNT: 0; 1: something is in the way; 2: not enough money; 3: the transfer is there
stage() {
  local txn=$1 id=$2 source target
  mkdir "$txn" || return 1
  source=$(jq -e .balance "$txn/Accounts/$3.json") && target=$(jq -e .balance "$txn/Accounts/$4.json") || return 1
  # With a token it is the commit that knows.
  [ "$tokens" = tokens ] || [ ! -e "$txn/Transfers/$id.json" ] || return 3
  [ "$source" -ge "$5" ] || return 2
  echo "{\"balance\":$((source - $5)),\"transfer\":\"$id\"}" >>"$txn/Accounts/$3.json" || return 1
  echo "{\"balance\":$((target + $5)),\"transfer\":\"$id\"}" >>"$txn/Accounts/$4.json" || return 1
  echo "{\"source\":\"$3\",\"target\":\"$4\",\"amount\":$5}" >"$txn/Transfers/$id.json"
}
# transfer ID: until it is known to be done, or refused
transfer() {
  local id=$1 source=a$((RANDOM % 100)) target=a$((RANDOM % 100)) amount=$((1 + RANDOM % 400)) tries=0 unknown='' txn to said
  [ "$source" != "$target" ] || return 0
  until stopped; do
    tries=$((tries + 1))
    txn=$mnt/.txn/$id-$tries
    to=$mnt/.txn/committed/$id-$tries
    [ "$tokens" = plain ] || to=$mnt/.txn/committed/$id
    stage "$txn" "$id" "$source" "$target" "$amount" 2>/dev/null
    case $? in
      0)
        if said=$(mv -T "$txn" "$to" 2>&1); then
          break
        elif [[ $said == *canceled* ]]; then
          conflicts=$((conflicts + 1))
          if reasons=$(cat "$txn/.reasons.json" 2>/dev/null) && ! jq -e "$why" <<<"$reasons" >/dev/null; then
            echo "bank: $name: cancelled without a reason: $reasons" >&2
            exit 1
          fi
          rm -r "$txn" 2>/dev/null
        elif [[ $said == *"File exists"* && $tokens = tokens && -n $unknown ]]; then
          again=$((again + 1)) # the token was used, by us
          rm -r "$txn" 2>/dev/null
          break
        else
          unknown=1
          away
        fi
        ;;
      1) away ;;
      2)
        rm -r "$txn" 2>/dev/null
        refused=$((refused + 1))
        return 0
        ;;
      3)
        [ -n "$unknown" ] || { echo "bank: $name: transfer $id was there before" >&2; exit 1; }
        rm -r "$txn" 2>/dev/null
        again=$((again + 1))
        break
        ;;
    esac
  done
  stopped && return
  done=$((done + 1))
  echo "$id" >>"$directory/acknowledged.$name"
  unseen+=("$id")
  [ ${#unseen[@]} -lt 20 ] || look
}
number=0
until stopped; do
  number=$((number + 1))
  transfer "$name-$number"
done
echo "$name {\"done\": $done, \"conflicts\": $conflicts, \"refused\": $refused, \"away\": $away, \"again\": $again}"
END
chmod +x "$work/clerk"

# ---- What must hold ----

# audit WHAT: of one moment
audit() {
  local view=$mnt/.snapshot/audit
  rm -rf "$work/copy"
  check "$1: a snapshot" mkdir "$view" || return
  check "$1: a copy" cp -r "$view/Accounts" "$work/copy"
  check "$1: its transfers" cat "$view/Transfers/.items.jsonl" >"$work/transfers"
  check "$1: it goes" rmdir "$view"
  jq -c . "$work/copy"/*.json >"$work/accounts" || fail "$1: the copy"
  check "$1" python3 "$TESTS/bank.py" judge "$work/accounts" "$work/transfers"
}
replays() { # TABLE [sum]
  cat "$mnt/$1/.stream/records.jsonl" >"$work/records" || fail "$1: its stream"
  cat "$mnt/$1/.typed/.items.jsonl" >"$work/items" || fail "$1: its items"
  check "$1: the stream makes the table" python3 "$TESTS/bank.py" replay "$work/records" "$work/items" "${@:2}"
}

start
table Accounts
table Transfers
jq -nc 'range(100) | {id: "a\(.)", balance: 1000}' >"$mnt/Accounts/.items.jsonl" || fail "the accounts"

workers=()
for number in 1 2 3 4; do
  how=plain
  [ $((number % 2)) = 0 ] || how=tokens
  "$work/clerk" "$mnt" "$work" "shell$number" $how >"$work/out.shell$number" 2>&1 &
  workers+=($!)
  python3 "$TESTS/bank.py" worker "$mnt" "$work" "api$number" $how >"$work/out.api$number" 2>&1 &
  workers+=($!)
done
trap 'touch "$work/stop"; kill -9 "${workers[@]}" 2>/dev/null; cleanup' EXIT
everybody_works() {
  for worker in "${workers[@]}"; do kill -0 "$worker" 2>/dev/null || return; done
}
acknowledged() { cat "$work"/acknowledged.* 2>/dev/null | wc -l; }
more_than() { [ "$(acknowledged)" -gt "$1" ]; }

for ((round = 1; round <= rounds; round++)); do
  poll "round $round: work is done" more_than $(($(acknowledged) + 8)) || break
  audit "round $round"
  sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
  die
  start
  audit "round $round, started again"
  everybody_works || break
done 2> >(grep -v ' Killed ' >&2)
poll "all of them work on" more_than $(($(acknowledged) + 8))
touch "$work/stop"
for worker in "${workers[@]}"; do
  wait "$worker" || fail "a worker: exit $?"
done
cat "$work"/out.*

audit "the end"
same "what was acknowledged is there" "" \
  "$(cat "$work"/acknowledged.* | sort | comm -23 - <(jq -r .id "$work/transfers" | sort))"
same "each by one process" "" "$(cat "$work"/acknowledged.* | sort | uniq -d)"
replays Accounts sum
replays Transfers
for kind in shell api; do
  for number in 1 2 3 4; do check "$kind$number worked" test -s "$work/acknowledged.$kind$number"; done
done
stop
start
audit "a last start"
replays Accounts sum
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
