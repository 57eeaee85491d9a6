#!/usr/bin/env bash
# Builds Microsoft SEAL into build/deps/seal, unless an installed SEAL 4.1 or later is found or it is already there.
#
# SEAL is in no package registry, but the source archive of Pyfhel 3.5.0 carries SEAL 4.1.2 whole; the archive is
# checked against its SHA-256. EINFER_SEAL=git takes SEAL 4.4.3 from its own repository instead.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=$PWD/build/deps/seal
pyfhel_version=3.5.0
pyfhel_sha256=0375b83b5a83026924f59db25c4efa9f27e1e8a66d004658f4d24195986a04b6
seal_tag=v4.4.3
source_kind=${EINFER_SEAL:-pyfhel}

[ ! -f "$prefix/.complete-$source_kind" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "${EINFER_SEAL:-}" ] && (cd "$work" && cmake --find-package -DNAME=SEAL -DCOMPILER_ID=GNU -DLANGUAGE=CXX \
    -DMODE=EXIST) >/dev/null 2>&1; then
  echo "Using the installed Microsoft SEAL."
  exit 0
fi

case $source_kind in
  pyfhel)
    echo "Getting Microsoft SEAL 4.1.2 (from the source archive of Pyfhel $pyfhel_version)…"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pyfhel --dest "$work" \
      "pyfhel==$pyfhel_version" >"$work/pip.log" 2>&1 || { cat "$work/pip.log" >&2; exit 1; }
    archive=$(echo "$work"/[Pp]yfhel-$pyfhel_version.tar.gz)
    echo "$pyfhel_sha256  $archive" | sha256sum --check --quiet
    tar -xzf "$archive" -C "$work"
    source=$(echo "$work"/[Pp]yfhel-$pyfhel_version/Pyfhel/backend/SEAL)
    ;;
  git)
    echo "Getting Microsoft SEAL $seal_tag from its repository…"
    git clone --quiet --depth 1 --branch "$seal_tag" https://github.com/microsoft/SEAL.git "$work/SEAL"
    source=$work/SEAL
    ;;
  *) echo "EINFER_SEAL is pyfhel or git, not '$source_kind'" >&2; exit 2 ;;
esac

echo "Building it (one to three minutes, without a word)…"
# Sections let the server's link drop every function that touches a secret key. Transparent results are refused by our own
# check, which tells a hostile request from a bug; SEAL's throw cannot.
{
  cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DCMAKE_CXX_FLAGS="-ffunction-sections -fdata-sections -fvisibility=hidden" \
    -DSEAL_BUILD_DEPS=OFF -DSEAL_USE_MSGSL=OFF -DSEAL_USE_INTEL_HEXL=OFF -DSEAL_USE_ZLIB=ON -DSEAL_USE_ZSTD=ON \
    -DSEAL_THROW_ON_TRANSPARENT_CIPHERTEXT=OFF
  rm -rf "$prefix"
  cmake --build "$work/build" --target install
} >"$work/build.log" 2>&1 || { tail -50 "$work/build.log" >&2; exit 1; }
touch "$prefix/.complete-$source_kind"
