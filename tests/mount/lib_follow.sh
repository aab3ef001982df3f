# For the scripts that follow streams: tables with streams, and when a follower waits. After lib.sh.
export mnt work PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1

# streaming TABLE…: simple tables with a stream of new images
streaming() {
  local table
  for table in "$@"; do
    mkdir "$mnt/$table"
    echo '{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
      "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}}' >"$mnt/$table/.table.json"
  done
}

# ending TABLE: its stream is turned off
ending() {
  jq 'del(.StreamSpecification)' "$mnt/$1/.table.json" >"$work/ending.json"
  cat "$work/ending.json" >"$mnt/$1/.table.json"
}

# waiting N: so many reads wait
waiting() { [[ $(<"$mnt/.status") =~ \"waiting\":\ ([0-9]+) && ${BASH_REMATCH[1]} = "$1" ]]; }

# holds FILE N: it has so many lines
holds() { [ "$(wc -l <"$1")" = "$2" ]; }

# keys FILE: the keys of the records in it
keys() { jq -r .dynamodb.Keys.id.S "$1" | xargs; }
