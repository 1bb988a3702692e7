# SPDX-License-Identifier: Apache-2.0
# Google Benchmark of the programs' steps, native; as a test it only runs through.
find_package(benchmark REQUIRED)
add_executable(cache_benchmark cache_benchmark.cc)
target_link_libraries(cache_benchmark PRIVATE bmc_options PkgConfig::LIBBPF benchmark::benchmark)
add_test(NAME cache_benchmark_smoke COMMAND cache_benchmark --benchmark_min_time=0.001)
set_tests_properties(cache_benchmark_smoke PROPERTIES LABELS unit TIMEOUT 60
  FAIL_REGULAR_EXPRESSION "ERROR OCCURRED")
