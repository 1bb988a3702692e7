// SPDX-License-Identifier: Apache-2.0
// The XDP program that a test binary is about, loaded once. The same tests run against an app's own program
// and against the composed one: which it is says the *_image.cc that is linked.
#ifndef BMC_XDP_TESTS_TESTED_PROGRAM_H
#define BMC_XDP_TESTS_TESTED_PROGRAM_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "apps/memcached-cache/tests/store_fixture.h"

namespace bmc::test {

struct TestedImage {
  const void* elf;
  std::size_t bytes;
  const char* program;  // name of the C function
};

// Defined once in each test binary.
TestedImage tested_image();

// Once per process: it takes the verifier a while.
class TestedProgram {
 public:
  static TestedProgram& get() {
    static TestedProgram program;
    return program;
  }
  ~TestedProgram() { bpf_object__close(object_); }
  TestedProgram(const TestedProgram&) = delete;
  TestedProgram& operator=(const TestedProgram&) = delete;

  bpf_object* object() const { return object_; }
  int fd() const {
    return bpf_program__fd(bpf_object__find_program_by_name(object_, tested_image().program));
  }
  int map_fd(const char* name) const {
    const int fd = bpf_object__find_map_fd_by_name(object_, name);
    if (fd < 0) throw std::runtime_error(std::string("no map ") + name);
    return fd;
  }

 private:
  TestedProgram() {
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "bmc_t_tested");
    object_ = bpf_object__open_mem(tested_image().elf, tested_image().bytes, &options);
    if (object_ == nullptr) throw std::runtime_error(std::string("open: ") + std::strerror(errno));
    CacheStore::set_sizes(object_, {});
    if (const int error = bpf_object__load(object_); error != 0)
      throw std::runtime_error(std::string("load: ") + std::strerror(-error));
  }

  bpf_object* object_ = nullptr;
};

}  // namespace bmc::test

#endif
