# SPDX-License-Identifier: Apache-2.0
# Tests of the XDP program and of the store's read side; xdp_bench is for people.
bpf_object(xdp_bench_bpf SOURCES xdp_bench.bpf.c INCLUDES ${PROJECT_SOURCE_DIR})
add_executable(xdp_bench xdp_bench.cc)
target_link_libraries(xdp_bench PRIVATE bmc_options cache_xdp xdp_bench_bpf)
