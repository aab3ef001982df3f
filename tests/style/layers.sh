# Which directory includes what: the table in docs/architecture.md. The linker enforces most of it; this also sees
# headers of constants and inline functions.
set -eu

# DIRECTORY, then what its files may include of ours, as patterns of the whole path. The first row that fits counts.
layers='
engine/store  engine/store/*.h engine/arena.h engine/buffer.h engine/error.h engine/order.h
engine/local  engine/local/*.h engine/local/*/*.h engine/*.h engine/expr/*.h engine/store/store.h engine/store/branch.h
engine/trace  engine/trace/*.h engine/*.h engine/expr/*.h
engine/expr   engine/expr/*.h engine/*.h
engine/wire   engine/wire/*.h engine/expr/*.h engine/*.h
engine        engine/*.h engine/expr/*.h
mapping       mapping/*.h mapping/*/*.h engine/*.h engine/expr/*.h engine/wire/*.h
fs            fs/*.h mapping/map.h engine/jsonout.h
tools         tools/*.h tools/*/*.h fs/fs.h mapping/*.h mapping/*/*.h engine/*.h engine/expr/*.h engine/wire/*.h engine/local/local.h engine/trace/trace.h
'

# Headers of libraries (or directories of them), and who may know them. The C library is for all.
libraries='
lmdb*         engine/store
sodium*       engine/store mapping
fuse*         fs
linux/fuse.h  fs
zlib.h        tools
curl*         -
cJSON*        -
cjson*        -
json*         -
jansson*      -
openssl*      -
'

# The one part of fs that writes JSON: its share of .status.
json_writers='fs/session.c fs/transport.c'

awk -v layers="$layers" -v libraries="$libraries" -v json_writers="$json_writers" '
  # A pattern as a regular expression; * stays within a directory.
  function expression(glob) {
    gsub(/\./, "\\.", glob)
    gsub(/\*/, "[^/]*", glob)
    return "^" glob "$"
  }
  function says(what) {
    print FILENAME ":" FNR ": " what ": " $0
    failures++
  }
  function ours(header,   i, j, words, count) {
    for (i = 1; i <= layer_count; i++) {
      count = split(layer_rows[i], words, " ")
      if (count < 2 || index(FILENAME, words[1] "/") != 1)
        continue
      for (j = 2; j <= count; j++)
        if (header ~ expression(words[j]))
          return 1
      return 0
    }
    return 0
  }
  function theirs(header,   i, j, words, count) {
    for (i = 1; i <= library_count; i++) {
      count = split(library_rows[i], words, " ")
      if (count < 2 || (header !~ expression(words[1]) && header !~ expression(words[1] "/*")))
        continue
      for (j = 2; j <= count; j++)
        if (index(FILENAME, words[j] "/") == 1)
          return 1
      return 0
    }
    return 1
  }
  BEGIN {
    layer_count = split(layers, layer_rows, "\n")
    library_count = split(libraries, library_rows, "\n")
  }
  FNR == 1 { files++ }
  /^[ \t]*#[ \t]*include/ {
    header = $0
    if (!match(header, /["<][^">]+[">]/)) {
      says("an include that cannot be read")
      next
    }
    bracket = substr(header, RSTART, 1)
    header = substr(header, RSTART + 1, RLENGTH - 2)
    if (bracket == "<" ? !theirs(header) : !ours(header))
      says("not for this layer")
    if (FILENAME ~ /^fs\// && header ~ /json/ && index(" " json_writers " ", " " FILENAME " ") == 0)
      says("only .status is written there")
  }
  END {
    if (files < 50) {
      print "only " files " files: is this the top directory?"
      failures++
    }
    exit failures > 0
  }' $(find engine mapping fs tools -name '*.[ch]' | sort)
