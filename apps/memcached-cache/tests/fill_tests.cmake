# SPDX-License-Identifier: Apache-2.0
# Tests of the fill program, the store's write side and the leases; fill_bench is for people.
bpf_object(cache_fill_only SOURCES ${PROJECT_SOURCE_DIR}/tc/cache_fill.bpf.c INCLUDES ${PROJECT_SOURCE_DIR})

add_executable(fill_bpf_test fill_compare_test.cc fill_log_test.cc fill_packet_test.cc fill_parallel_test.cc
  fill_store_test.cc)
target_link_libraries(fill_bpf_test PRIVATE bmc_options cache_fill_only GTest::gtest_main)
gtest_discover_tests(fill_bpf_test PROPERTIES LABELS bpf TIMEOUT 120 DISCOVERY_TIMEOUT 30)
add_kernel_test(NAME fill COMMAND $<TARGET_FILE:fill_bpf_test> FILES $<TARGET_FILE:fill_bpf_test>)

add_executable(fill_unit_test fill_lease_test.cc fill_lease_order_test.cc fill_reply_test.cc fill_sizing_test.cc
  fill_stress_test.cc set_text_test.cc)
target_link_libraries(fill_unit_test PRIVATE bmc_options GTest::gtest_main Threads::Threads)
gtest_discover_tests(fill_unit_test PROPERTIES LABELS unit TIMEOUT 180 DISCOVERY_TIMEOUT 30)

bpf_object(fill_bench_bpf SOURCES fill_bench.bpf.c INCLUDES ${PROJECT_SOURCE_DIR})
add_executable(fill_bench fill_bench.cc)
target_link_libraries(fill_bench PRIVATE bmc_options fill_bench_bpf)
