# SPDX-License-Identifier: Apache-2.0
# Link to bmc_options for the language level, the warnings and the sanitizers of the preset.
add_library(bmc_options INTERFACE)
target_compile_features(bmc_options INTERFACE cxx_std_20)
target_compile_options(bmc_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror -fno-strict-aliasing)
target_include_directories(bmc_options INTERFACE ${PROJECT_SOURCE_DIR})

set(BMC_SANITIZE "" CACHE STRING "sanitizers for all C++ code: empty, 'address,undefined' or 'thread'")
if(BMC_SANITIZE)
  target_compile_options(bmc_options INTERFACE -fsanitize=${BMC_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(bmc_options INTERFACE -fsanitize=${BMC_SANITIZE})
endif()
if(BMC_SANITIZE STREQUAL thread)
  # GCC warns that ThreadSanitizer does not follow std::atomic_thread_fence. Nothing here depends on it: Asio's fences
  # stand beside mutexes, and a test has one for memory that only the kernel writes.
  target_compile_options(bmc_options INTERFACE -Wno-tsan)
endif()
