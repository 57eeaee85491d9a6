#!/usr/bin/env bash
# Lines and branches of everything that reads untrusted bytes, as the unit tests and the seeds in fuzz/corpus reach
# them: clang's source-based coverage, a table by directory and file. Line by line: build/coverage/html/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."

build=build/coverage
tests=(base_test protocol_test wire_test registry_test onnx_test client_test server_test)
seeds=(json_envelope binary_envelope hex base64 infer_plain ciphertext evaluation_keys compression registry_entry onnx
       client_reply client_http http)
sources=(src/base src/protocol src/wire src/registry src/onnx src/client/reply.cpp src/client/result_payload.cpp
         src/client/model_list.cpp src/client/server_api.cpp src/client/http_client.cpp src/server/infer_upload.cpp
         src/server/http/request.cpp src/server/http/session.cpp src/server/http/handlers.cpp)

mkdir -p build
{ cmake --preset coverage &&
  cmake --build --preset coverage --parallel "$(nproc)" --target "${tests[@]}" "${seeds[@]/#/fuzz_}"; } \
  >build/coverage.log 2>&1 || { tail -40 build/coverage.log >&2; exit 1; }

rm -rf "$build/profiles"
mkdir -p "$build/profiles"
objects=()
run() { # run PROGRAM [ARGUMENT]
  [ ${#objects[@]} -eq 0 ] || objects+=(-object)  # the first one stands alone
  objects+=("$build/bin/$1")
  LLVM_PROFILE_FILE=$PWD/$build/profiles/$1.profraw "$build/bin/$@" >"$build/profiles/$1.log" 2>&1 ||
    { tail -20 "$build/profiles/$1.log" >&2; exit 1; }
}
for test in "${tests[@]}"; do run "$test"; done
for target in "${seeds[@]}"; do run "fuzz_$target" "fuzz/corpus/$target"; done

# main() and the like are in several programs: llvm-cov says in its logs that it counts only one of them.
llvm-profdata-16 merge -sparse -o "$build/profile" "$build"/profiles/*.profraw
llvm-cov-16 show -format=html -output-dir="$build/html" -show-branches=count -instr-profile="$build/profile" \
  "${objects[@]}" "${sources[@]}" >/dev/null 2>"$build/show.log"
llvm-cov-16 export -summary-only -instr-profile="$build/profile" "${objects[@]}" "${sources[@]}" \
  >"$build/summary.json" 2>"$build/export.log"
python3 scripts/coverage_table.py "$build/summary.json"
