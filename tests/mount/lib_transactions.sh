# For the scripts about transactions and snapshots, after lib.sh: accounts, and what one does with transactions.
txn=$mnt/.txn
committed=$txn/committed

# bank: a mount with accounts, alice has 100 and bob 0, and entries under a partition and a sort key
bank() {
  start "${1:-}"
  mkdir "$mnt/Accounts" "$mnt/Entries"
  cat >"$mnt/Accounts/.table.json" <<'JSON'
{"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
 "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
JSON
  cat >"$mnt/Entries/.table.json" <<'JSON'
{"AttributeDefinitions": [{"AttributeName": "account", "AttributeType": "S"},
                          {"AttributeName": "n", "AttributeType": "N"}],
 "KeySchema": [{"AttributeName": "account", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
 "BillingMode": "PAY_PER_REQUEST"}
JSON
  echo '{"balance":100}' >"$mnt/Accounts/alice.json"
  echo '{"balance":0}' >"$mnt/Accounts/bob.json"
}

balance() { jq .balance "$mnt/${2:+$2/}Accounts/$1.json"; }
set_balance() { echo "{\"balance\":$2}" >>"$mnt/${3:+$3/}Accounts/$1.json"; }

# commits NAME [AS]: the commit of a transaction succeeds, under its name or as AS
commits() { check "the commit of $1" mv "$txn/$1" "$committed/${2:-}"; }
# cancelled NAME CODE [PATH]: it is refused, and .reasons.json has CODE (of PATH) among the reasons
cancelled() {
  local said
  said=$(mv "$txn/$1" "$committed/" 2>&1) && fail "the commit of $1 succeeded"
  [[ $said == *"Operation canceled"* ]] || fail "the commit of $1: $said"
  jq -e --arg code "$2" --arg path "${3:-}" 'any(.Code == $code and ($path == "" or .path == $path))' \
    "$txn/$1/.reasons.json" >/dev/null || fail "the reasons of $1: $(cat "$txn/$1/.reasons.json")"
}
abort() { check "the abort of $1" rm -r "$txn/$1"; }
