#!/usr/bin/env bash
# Fuzzing (fuzz/README.md).
#
#   scripts/fuzz.sh run SECONDS [TARGET...]  builds with clang, runs every target that long, and ends with a table
#   scripts/fuzz.sh merge [TARGET...]        puts what was found and reaches something new into fuzz/corpus, minimised
#
# JOBS: how many run at a time (2). What was found is kept in build/fuzz/found, crashes in build/fuzz/artifacts.
set -uo pipefail
cd "$(dirname "$0")/.."

build=build/fuzz
artifacts=$build/artifacts
logs=$build/logs
all_targets=(json_envelope binary_envelope hex base64 infer_plain ciphertext evaluation_keys keys_upload
             compact_answer compression registry_entry network_entry onnx client_reply client_http http)
# The largest input: what the formats need, and small enough that many are tried.
declare -A max_len=([hex]=4096 [base64]=4096 [json_envelope]=8192 [binary_envelope]=8192 [infer_plain]=4096
                    [ciphertext]=4096 [evaluation_keys]=4096 [keys_upload]=8192 [compression]=4096
                    [compact_answer]=4096 [registry_entry]=8192 [network_entry]=8192 [onnx]=4096 [client_reply]=16384 [client_http]=40000 [http]=20000)

# std::regex recurses, in larger frames than in release. SEAL and the system's libraries are not instrumented, but no
# container crosses that border while it grows, so container-overflow checks stay on.
ulimit -s 131072
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}

build_targets() {
  mkdir -p build
  { cmake --preset fuzz && cmake --build --preset fuzz --parallel "$(nproc)" --target "${@/#/fuzz_}"; } \
    >build/fuzz.log 2>&1 || { tail -40 build/fuzz.log >&2; exit 1; }
}

run_one() { # run_one SECONDS TARGET
  local target=$2 log=$logs/$2.log
  mkdir -p "$build/found/$target" "$build/tmp/$target"
  local options=(-max_total_time="$1" -max_len="${max_len[$target]}" -timeout=60 -rss_limit_mb=2048
                 -artifact_prefix="$artifacts/$target-" -print_final_stats=1)
  [ ! -f "fuzz/dictionaries/$target.dict" ] || options+=(-dict="fuzz/dictionaries/$target.dict")
  TMPDIR=$PWD/$build/tmp/$target "$build/bin/fuzz_$target" "${options[@]}" "$build/found/$target" \
    "fuzz/corpus/$target" >"$log" 2>&1
  echo $? >"$logs/$target.code"
  rm -rf "$build/tmp/$target"
}

row() { # row TARGET
  local log=$logs/$1.log last runs features edges new crashes
  last=$(grep -aE '^#[0-9]+.* cov: ' "$log" | tail -1)
  runs=$(sed -nE 's/^stat::number_of_executed_units: +//p' "$log")
  edges=$(sed -nE 's/.* cov: ([0-9]+).*/\1/p' <<<"$last")
  features=$(sed -nE 's/.* ft: ([0-9]+).*/\1/p' <<<"$last")
  new=$(sed -nE 's/^stat::new_units_added: +//p' "$log")
  crashes=$([ "$(cat "$logs/$1.code")" = 0 ] && echo 0 || echo 1)
  printf '%-16s %12s %8s %10s %10s %8s\n' "$1" "${runs:-?}" "${edges:-?}" "${features:-?}" "${new:-?}" "$crashes"
  [ "$crashes" != 0 ] || return
  failed=1
  grep -aE 'broken promise|ERROR:|SUMMARY|runtime error|Test unit written' "$log" | cut -c1-300
}

run() {
  local seconds=$1
  shift
  build_targets "$@"
  mkdir -p "$artifacts" "$logs"
  rm -f "$logs"/*.log "$logs"/*.code
  local target
  for target in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-2}" ]; do wait -n; done
    run_one "$seconds" "$target" &
  done
  wait
  printf '%-16s %12s %8s %10s %10s %8s\n' target runs edges features 'new units' crashes
  failed=0
  for target in "$@"; do row "$target"; done
  [ "$failed" = 0 ] || echo "Inputs that broke something are in $artifacts."
  return "$failed"
}

# The seeds that make_seeds.py writes stay as they are; beside them the fewest others that reach what was ever reached,
# however often it was.
merge() {
  build_targets "$@"
  mkdir -p "$logs"
  local target
  for target in "$@"; do
    local corpus=fuzz/corpus/$target merged=$build/merged/$target others=$build/others/$target
    rm -rf "$merged" "$others"
    mkdir -p "$merged" "$others" "$build/found/$target" "$build/tmp/$target"
    cp "$corpus"/seed-* "$merged"
    find "$corpus" -type f ! -name 'seed-*' -exec cp -t "$others" {} +
    TMPDIR=$PWD/$build/tmp/$target "$build/bin/fuzz_$target" -merge=1 -use_counters=0 -max_len=65000 -timeout=60 \
      "$merged" "$others" "$build/found/$target" >"$logs/$target.merge.log" 2>&1 ||
      { tail -5 "$logs/$target.merge.log" >&2; return 1; }
    find "$corpus" -type f ! -name 'seed-*' ! -name 'crash-*' -delete
    find "$merged" -type f ! -name 'seed-*' -size -9k -exec cp -t "$corpus" {} +  # large ones are not worth their bytes
    printf '%-16s %5d seeds, %5d found\n' "$target" "$(find "$corpus" -name 'seed-*' | wc -l)" \
      "$(find "$corpus" -type f ! -name 'seed-*' | wc -l)"
    rm -rf "$build/tmp/$target"
  done
}

command=${1:-run}
shift || true
case $command in
  run) seconds=${1:-60}; shift || true; [ $# -gt 0 ] || set -- "${all_targets[@]}"; run "$seconds" "$@" ;;
  merge) [ $# -gt 0 ] || set -- "${all_targets[@]}"; merge "$@" ;;
  *) sed -n '2,8p' "$0" >&2; exit 2 ;;
esac
