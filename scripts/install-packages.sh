#!/usr/bin/env bash
# Installs the Debian packages that building and testing need; does nothing when all are there. With the argument `fuzz`
# those of fuzzing and coverage instead: clang 16, for Debian's default clang 14 cannot compile libstdc++'s coroutines. With
# `bench` those of the benchmarks.
set -euo pipefail

packages=(
  build-essential cmake ninja-build pkg-config ca-certificates git
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
  libssl-dev zlib1g-dev libzstd-dev libsqlite3-dev libisal-dev libcsv-dev
  libspdlog-dev libfmt-dev libcli11-dev libvalijson-dev libgtest-dev
  libonnx-dev libprotobuf-dev protobuf-compiler
  python3 python3-pip python3-venv python3-yaml
)
[ "${1:-}" != fuzz ] || packages=(clang-16 libclang-rt-16-dev llvm-16)
[ "${1:-}" != bench ] || packages=(libbenchmark-dev valgrind)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Install these packages as root, then try again: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
