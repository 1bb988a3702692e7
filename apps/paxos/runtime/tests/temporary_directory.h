// SPDX-License-Identifier: Apache-2.0
// A directory for one test, gone when the test is.
#ifndef BMC_PAXOS_RUNTIME_TESTS_TEMPORARY_DIRECTORY_H
#define BMC_PAXOS_RUNTIME_TESTS_TEMPORARY_DIRECTORY_H

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace bmc::paxos::runtime {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(testing::TempDir() + "bmc-t-paxos-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace bmc::paxos::runtime

#endif
