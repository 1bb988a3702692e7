# SPDX-License-Identifier: Apache-2.0
# Tests of the source tree itself, label `layers`: include directions, licences and lengths; headers that
# compile alone; shell scripts; formatting. Included once, by the top-level CMakeLists.txt.
if(BMC_SANITIZE)
  return() # the source is the same in every preset; the release build looks at it
endif()
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
find_program(BMC_SHELLCHECK NAMES shellcheck REQUIRED)

add_test(NAME layers COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/check_layers.py ${PROJECT_SOURCE_DIR})
add_test(NAME layers_self_test COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/check_layers_test.py)
add_test(NAME headers COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/check_headers.py
  --root ${PROJECT_SOURCE_DIR} --build ${PROJECT_BINARY_DIR} --cxx ${CMAKE_CXX_COMPILER}
  --bpf-clang ${BMC_BPF_CLANG} --system-include /usr/include/${BMC_MULTIARCH})
add_test(NAME headers_self_test COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/check_headers_test.py
  ${CMAKE_CXX_COMPILER} ${BMC_BPF_CLANG} /usr/include/${BMC_MULTIARCH})
file(GLOB scripts LIST_DIRECTORIES false CONFIGURE_DEPENDS tools/*.sh netns-tests/*.sh deploy/*.sh)
add_test(NAME shellcheck COMMAND ${BMC_SHELLCHECK} bmc .ci/run ${scripts} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
add_test(NAME format COMMAND ${PROJECT_SOURCE_DIR}/bmc fmt --check)
set_tests_properties(layers layers_self_test headers headers_self_test shellcheck format PROPERTIES LABELS layers)
# It compiles on all cores by itself.
set_tests_properties(headers PROPERTIES TIMEOUT 1200 PROCESSORS 2)
