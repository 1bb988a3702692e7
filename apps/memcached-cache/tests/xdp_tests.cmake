# SPDX-License-Identifier: Apache-2.0
# Tests of the XDP program and of the store's read side; xdp_bench is for people.
bpf_object(xdp_bench_bpf SOURCES xdp_bench.bpf.c INCLUDES ${PROJECT_SOURCE_DIR})
add_executable(xdp_bench xdp_bench.cc)
target_link_libraries(xdp_bench PRIVATE bmc_options cache_xdp xdp_bench_bpf)

# Run here against cache_get, in xdp/tests against the composed program too.
add_library(xdp_cache_tests OBJECT xdp_hit_test.cc xdp_pass_test.cc xdp_freshness_test.cc xdp_source_test.cc
  xdp_multiget_test.cc xdp_sample_test.cc xdp_torn_test.cc xdp_counters_test.cc
  xdp_differential_test.cc)
target_link_libraries(xdp_cache_tests PUBLIC bmc_options PkgConfig::LIBBPF GTest::gtest Threads::Threads)
add_executable(xdp_bpf_test ${PROJECT_SOURCE_DIR}/xdp/tests/cache_get_image.cc)
target_link_libraries(xdp_bpf_test PRIVATE xdp_cache_tests cache_xdp GTest::gtest_main)
gtest_discover_tests(xdp_bpf_test PROPERTIES LABELS bpf TIMEOUT 120 DISCOVERY_TIMEOUT 30)
add_kernel_test(NAME xdp COMMAND env BMC_FUZZ_FRAMES=1200 $<TARGET_FILE:xdp_bpf_test> FILES $<TARGET_FILE:xdp_bpf_test>)

add_executable(xdp_unit_test xdp_lookup_test.cc sketch_test.cc)
target_link_libraries(xdp_unit_test PRIVATE bmc_options PkgConfig::LIBBPF GTest::gtest_main)
gtest_discover_tests(xdp_unit_test PROPERTIES LABELS unit TIMEOUT 60 DISCOVERY_TIMEOUT 30)
