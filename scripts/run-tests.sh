#!/usr/bin/env bash
# Runs test suites and ends with one line "N passed, N failed". Suites: unit, python, asan-ubsan, tsan, all (of
# those), and long.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0

count() { # count PASSED FAILED NAME
  passed=$((passed + $1))
  failed=$((failed + $2))
  echo "-- $3: $1 passed, $2 failed"
}

# ctest's summary is "97% tests passed, 3 tests failed out of 100".
run_ctest() { # run_ctest PRESET [ctest arguments]
  local preset=$1 log summary bad total
  shift
  log=build/$preset/ctest.log
  ctest --preset "$preset" --parallel "$(nproc)" "$@" >"$log" 2>&1
  summary=$(grep -E 'tests? failed out of' "$log")
  bad=$(sed -nE 's/.*, ([0-9]+) tests? failed out of.*/\1/p' <<<"$summary")
  total=$(sed -nE 's/.*failed out of ([0-9]+).*/\1/p' <<<"$summary")
  if [ -z "$total" ] || [ "$total" -eq 0 ]; then
    tail -30 "$log"
    count 0 1 "unit ($preset) did not run"
    return
  fi
  [ "$bad" -eq 0 ] || grep -vE ' Passed |^ +Start ' "$log" | tail -100
  # What this machine has no instructions for is not passed over in silence.
  grep -ohE 'NOT (TESTED|RUN) HERE: .*' "build/$preset/Testing/Temporary/LastTest.log" | sort -u
  count $((total - bad)) "$bad" "unit ($preset)"
}

compile() { # compile JOBS PRESET TARGET...
  local jobs=$1 preset=$2
  shift 2
  cmake --preset "$preset" && cmake --build --preset "$preset" --parallel "$jobs" --target "$@"
}

build_preset() { # build_preset PRESET TARGET...
  local log=build/$1.log
  mkdir -p build
  compile "$(nproc)" "$@" >"$log" 2>&1 || { tail -40 "$log"; count 0 1 "building $1"; return 1; }
}

run_unit() { run_ctest release; }

run_pytest() { # run_pytest NAME [pytest arguments]
  local name=$1 log=build/pytest.log bad good
  shift
  build/venv/bin/python -m pytest -p no:cacheprovider -q --tb=short "$@" >"$log" 2>&1
  local code=$?
  good=$(tail -1 "$log" | grep -oE '[0-9]+ passed' | grep -oE '[0-9]+')
  bad=$(tail -1 "$log" | grep -oE '[0-9]+ (failed|error)' | grep -oE '[0-9]+' | awk '{sum += $1} END {print sum}')
  good=${good:-0}
  bad=${bad:-0}
  [ "$code" -eq 0 ] || tail -150 "$log"
  [ "$code" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
  count "$good" "$bad" "$name"
}

run_python() { run_pytest python tests models; }

# The layers that read untrusted bytes and those with threads of their own. std::regex recurses, in larger frames than in
# release. The seeds of the fuzz targets are replayed here as well, but for those that need the whole server.
asan_seeds='json_envelope|binary_envelope|hex|base64|infer_plain|ciphertext|evaluation_keys|compression|registry_entry'
asan_seeds+='|keys_upload|compact_answer|network_entry|onnx|client_reply|client_http'
IFS='|' read -ra seeds <<<"$asan_seeds"
asan_targets=(base_test protocol_test tenants_test wire_test kernels_test he_test registry_test onnx_test importing_test jobs_test keystore_test "${seeds[@]/#/fuzz_}")

run_asan() {
  build_preset asan-ubsan "${asan_targets[@]}" || return
  ulimit -s 131072
  run_ctest asan-ubsan -R "^(base|protocol|tenants|wire|kernels|he|registry|onnx|importing|jobs|keystore)\.|^fuzz\.($asan_seeds)\$"
}

tsan_targets=(jobs_test keystore_test)

run_tsan() { build_preset tsan "${tsan_targets[@]}" && run_ctest tsan -R '^(jobs|keystore)\.'; }

# The Python tests wait for servers more than they compute. Half of the cores would be idle, and compile what the
# sanitizers need, yielding to them; run_asan and run_tsan build the rest, and report what does not compile.
builder=
stop_building() {
  [ -z "$builder" ] || { kill -- "-$builder"; wait "$builder"; } 2>/dev/null
  builder=
}
trap stop_building EXIT
start_building() {
  local jobs=$((($(nproc) + 1) / 2))
  set -m # a process group of its own, that can be ended as a whole
  { renice -n 19 "$BASHPID"; compile "$jobs" asan-ubsan "${asan_targets[@]}"; compile "$jobs" tsan "${tsan_targets[@]}"; } >build/sanitizers.log 2>&1 &
  builder=$!
  set +m
}

# `make bench` is not run, but what it builds must not fall behind the code.
run_benchmarks() {
  local log=build/benchmarks.log
  if { scripts/install-packages.sh bench && cmake --preset release -DEINFER_BENCH=ON &&
    cmake --build --preset release --parallel "$(nproc)" --target einfer-bench; } >"$log" 2>&1; then
    count 1 0 "benchmarks compile"
  else
    tail -40 "$log"
    count 0 1 "benchmarks compile"
  fi
}

run_all() {
  run_unit
  run_benchmarks
  start_building
  run_python
  stop_building
  run_asan
  run_tsan
}

# Everything in tests/reliability, the mixed load once more on servers with sanitizers, and a soak of ten minutes.
run_long() {
  local preset
  EINFER_LONG=1 run_pytest reliability --timeout 3600 tests/reliability
  for preset in tsan asan-ubsan; do
    build_preset "$preset" einfer-server || continue
    EINFER_LONG=1 EINFER_BUILD=build/$preset run_pytest "mixed load ($preset)" --timeout 3600 tests/reliability/test_mixed_load.py
  done
  if build/venv/bin/python scripts/soak.py --seconds "${SOAK_SECONDS:-600}" --output build/soak.json >build/soak.log 2>&1; then
    count 1 0 "soak"
  else
    tail -40 build/soak.log
    count 0 1 "soak"
  fi
}

case ${1:-all} in
  unit) run_unit ;;
  python) run_python ;;
  asan-ubsan) run_asan ;;
  tsan) run_tsan ;;
  long) run_long ;;
  all) run_all ;;
  *) echo "unknown suite '$1'" >&2; exit 2 ;;
esac

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
