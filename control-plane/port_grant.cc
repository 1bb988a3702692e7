// SPDX-License-Identifier: Apache-2.0
// Reading of grants; see port_grant.h.
#include "control-plane/port_grant.h"

#include <pwd.h>

#include <limits>
#include <optional>
#include <vector>

#include "control-plane/parse.h"

namespace bmc {
namespace {

Error wrong(std::string_view text, const std::string& why) {
  return Error{EINVAL, "'" + std::string(text) + "': " + why +
                           "; write uid=1000,ports=7400-7409 or user=NAME,ports=7400"};
}

Result<uid_t> uid_of(const std::string& name) {
  passwd entry = {};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  const int failed = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (failed != 0) return errno_error("cannot look up user " + name, failed);
  if (found == nullptr) return Error{ENOENT, "there is no user '" + name + "' on this host"};
  return found->pw_uid;
}

// "7400" or "7400-7409".
Result<void> read_ports(std::string_view text, PortGrant& grant) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), UINT16_MAX);
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), UINT16_MAX);
  if (!first || !last || *first == 0)
    return Error{EINVAL, "'" + std::string(text) + "' is no port from 1 to 65535, nor a range of them"};
  if (*first > *last) return Error{EINVAL, "the ports " + std::string(text) + " end before they begin"};
  grant.first_port = static_cast<std::uint16_t>(*first);
  grant.last_port = static_cast<std::uint16_t>(*last);
  return {};
}

Result<uid_t> read_user(const std::string& key, const std::string& value) {
  if (key == "user") return uid_of(value);
  // The largest is what the kernel says of somebody it does not know.
  const auto uid = parse_number(value, std::numeric_limits<uid_t>::max() - 1);
  if (!uid) return Error{EINVAL, "'" + value + "' is no number of a user"};
  return static_cast<uid_t>(*uid);
}

}  // namespace

Result<PortGrant> parse_port_grant(std::string_view text) {
  PortGrant grant;
  std::optional<uid_t> uid;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string_view word = text.substr(at, comma - at);
    const std::size_t equals = std::min(word.find('='), word.size());
    const std::string key(word.substr(0, equals));
    const std::string value(word.substr(std::min(equals + 1, word.size())));
    at = comma + 1;
    if (key == "ports" && grant.first_port == 0) {
      if (Result<void> read = read_ports(value, grant); !read) return wrong(text, read.error().what);
    } else if ((key == "uid" || key == "user") && !uid) {
      const auto read = read_user(key, value);
      if (!read) return wrong(text, read.error().what);
      uid = *read;
    } else {
      return wrong(text, "'" + std::string(word) + "' was not expected");
    }
  }
  if (!uid) return wrong(text, "it names no user");
  if (grant.first_port == 0) return wrong(text, "it names no ports");
  grant.uid = *uid;
  return grant;
}

std::string to_string(const PortGrant& grant) {
  std::string text = "uid=" + std::to_string(grant.uid) + ",ports=" + std::to_string(grant.first_port);
  if (grant.last_port != grant.first_port) text += "-" + std::to_string(grant.last_port);
  return text;
}

}  // namespace bmc
