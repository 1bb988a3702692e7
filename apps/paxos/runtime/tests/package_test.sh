#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the library into a folder of its own and builds the example against it as a stranger would: with
# find_package(), and with pkg-config. Then runs both. Called by ctest.
# Usage: package_test.sh BUILD EXAMPLES WORK COMPILER FLAGS
set -eu
build=$1 examples=$2 work=$3 compiler=$4 flags=$5

rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --component bmcpaxos --prefix "$work/prefix" >"$work/install.log"

cmake -S "$examples" -B "$work/example" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_CXX_FLAGS="$flags" >"$work/configure.log"
cmake --build "$work/example"

pkgconfig=$(dirname "$(find "$work/prefix" -name bmcpaxos.pc)")
# The compiler's arguments, not one word.
# shellcheck disable=SC2046,SC2086
"$compiler" -std=c++20 $flags "$examples/counter.cc" -o "$work/counter" \
  $(PKG_CONFIG_PATH="$pkgconfig" pkg-config --cflags --libs bmcpaxos)

# One counts on from where the other ended.
[ "$("$work/example/paxos_counter" "$work/data" 127.0.0.1:9907)" = 1 ]
[ "$("$work/counter" "$work/data" 127.0.0.1:9907)" = 2 ]
