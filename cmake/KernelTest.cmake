# SPDX-License-Identifier: Apache-2.0
# add_kernel_test(NAME name COMMAND cmd [args...] [FILES path...] [MODULES module...])
#
# A ctest named kernel-6.1.<name>, label kernel-6.1: runs the command as root inside Debian's 6.1 kernel
# under emulation (tools/on-debian-kernel.sh; about 5 s plus the command's own time, some 10-20 times
# slower than outside). The guest has busybox and FILES only, each at its own path with its shared
# libraries: name every program the command calls, the command itself included, e.g. /usr/sbin/ip,
# /usr/sbin/tc, /usr/sbin/bpftool, $<TARGET_FILE:...>. MODULES come in addition to veth; clsact wants
# sch_ingress and cls_bpf.
set(KERNEL_TEST_SECONDS 600) # for what hangs: on a busy machine the longest take minutes
function(add_kernel_test)
  cmake_parse_arguments(TEST "" "NAME" "COMMAND;FILES;MODULES" ${ARGN})
  if(TEST_UNPARSED_ARGUMENTS OR NOT TEST_NAME OR NOT TEST_COMMAND)
    message(FATAL_ERROR "add_kernel_test: NAME and COMMAND are needed; not understood: ${TEST_UNPARSED_ARGUMENTS}")
  endif()
  if(BMC_SANITIZE)
    return() # the release build tests the programs on the floor kernel
  endif()
  set(arguments)
  foreach(module IN LISTS TEST_MODULES)
    list(APPEND arguments -m ${module})
  endforeach()
  foreach(file IN LISTS TEST_FILES)
    list(APPEND arguments -f ${file})
  endforeach()
  math(EXPR limit "${KERNEL_TEST_SECONDS} + 120") # the first test also downloads the kernel
  add_test(NAME kernel-6.1.${TEST_NAME}
    COMMAND ${PROJECT_SOURCE_DIR}/tools/on-debian-kernel.sh ${arguments} -- ${TEST_COMMAND})
  set_tests_properties(kernel-6.1.${TEST_NAME} PROPERTIES
    LABELS kernel-6.1 TIMEOUT ${limit} ENVIRONMENT GUEST_SECONDS=${KERNEL_TEST_SECONDS})
endfunction()
