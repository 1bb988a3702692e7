# SPDX-License-Identifier: Apache-2.0
# The broadcast offload: its program, who loads it, and their tests. Included by apps/paxos/CMakeLists.txt. Who asks for
# broadcasts (broadcast.cc) is part of bmcpaxos, which needs no libbpf.
bpf_object(paxos_broadcast SOURCES ${PROJECT_SOURCE_DIR}/tc/paxos_broadcast.bpf.c INCLUDES ${PROJECT_SOURCE_DIR})

add_library(paxos_broadcast_program STATIC fastpath/broadcast_program.cc)
target_include_directories(paxos_broadcast_program PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
target_link_libraries(paxos_broadcast_program PRIVATE bmc_options paxos_broadcast)

find_program(BMC_IP NAMES ip PATHS /usr/sbin /sbin REQUIRED)
add_executable(paxos_broadcast_bpf_test
  fastpath/tests/broadcast_copy_test.cc fastpath/tests/broadcast_pass_test.cc fastpath/tests/broadcast_reach_test.cc)
target_link_libraries(paxos_broadcast_bpf_test PRIVATE bmc_options paxos_broadcast_program PkgConfig::LIBBPF GTest::gtest_main)
gtest_discover_tests(paxos_broadcast_bpf_test DISCOVERY_MODE PRE_TEST PROPERTIES LABELS bpf TIMEOUT 120)
add_kernel_test(NAME paxos_broadcast COMMAND $<TARGET_FILE:paxos_broadcast_bpf_test>
  FILES $<TARGET_FILE:paxos_broadcast_bpf_test> ${BMC_IP} MODULES sch_ingress cls_bpf)
