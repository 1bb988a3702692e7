// SPDX-License-Identifier: Apache-2.0
// How the harness says that the laboratory itself broke. Included by everything in netns-tests/lib.
//
// A namespace that cannot be made or a server that does not start is no test result: it throws, GoogleTest
// reports the sentence, RAII takes the rest of the laboratory down. What is under test (a reply, a timeout,
// a closed connection) is always a value.
#ifndef BMC_NETNS_TESTS_LAB_ERROR_H
#define BMC_NETNS_TESTS_LAB_ERROR_H

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace bmc::lab {

class LabError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws LabError "<what>: <strerror(errno)>".
[[noreturn]] inline void fail_errno(const std::string& what) {
  throw LabError(what + ": " + std::strerror(errno));
}

/// Returns `result` of a system call, or throws when it is negative.
template <class Integer>
Integer checked(Integer result, const std::string& what) {
  if (result < 0) fail_errno(what);
  return result;
}

}  // namespace bmc::lab

#endif
