# SPDX-License-Identifier: Apache-2.0
# bpf_object(NAME SOURCES a.bpf.c [b.bpf.c ...] [INCLUDES dir ...])
#
# Compiles each source with clang for BPF, links them into one object and makes a libbpf skeleton
# of it. Link to the target NAME and include "NAME.skel.h": the object is embedded in the binary,
# nothing is looked for at run time.
find_program(BMC_BPF_CLANG NAMES clang-19 clang REQUIRED)
find_program(BMC_BPFTOOL NAMES bpftool PATHS /usr/sbin REQUIRED)

# Kernel types come from the running kernel's BTF only where a program walks kernel structures;
# ours do not, so the UAPI headers are enough and the build needs no BTF.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-multiarch
  OUTPUT_VARIABLE BMC_MULTIARCH OUTPUT_STRIP_TRAILING_WHITESPACE)

function(bpf_object name)
  cmake_parse_arguments(BPF "" "" "SOURCES;INCLUDES" ${ARGN})
  set(includes)
  foreach(directory IN LISTS BPF_INCLUDES)
    list(APPEND includes -I${directory})
  endforeach()
  set(objects)
  foreach(source IN LISTS BPF_SOURCES)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE absolute)
    cmake_path(GET source FILENAME file)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.${file}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${BMC_BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -std=gnu2x -D__x86_64__
              -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wno-unused-parameter
              -Wno-address-of-packed-member -Werror
              -I/usr/include/${BMC_MULTIARCH} ${includes}
              -MD -MF ${object}.d -MT ${object} -c ${absolute} -o ${object}
      DEPENDS ${absolute} DEPFILE ${object}.d COMMENT "BPF ${file}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(linked ${CMAKE_CURRENT_BINARY_DIR}/${name}.linked.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}-skel/${name}.skel.h)
  add_custom_command(OUTPUT ${linked} ${skeleton}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/${name}-skel
    COMMAND ${BMC_BPFTOOL} gen object ${linked} ${objects}
    COMMAND ${BMC_BPFTOOL} gen skeleton ${linked} name ${name} > ${skeleton}
    DEPENDS ${objects} COMMENT "BPF skeleton ${name}" VERBATIM)
  add_custom_target(${name}_generate DEPENDS ${skeleton})
  add_library(${name} INTERFACE)
  add_dependencies(${name} ${name}_generate)
  target_include_directories(${name} SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR}/${name}-skel)
  target_link_libraries(${name} INTERFACE PkgConfig::LIBBPF)
endfunction()
