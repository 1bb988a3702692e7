// SPDX-License-Identifier: Apache-2.0
// bmcd's answers for people and for programs. Used by bmcctl's main.
#ifndef BMC_CONTROL_PLANE_BMCCTL_SHOW_H
#define BMC_CONTROL_PLANE_BMCCTL_SHOW_H

#include <string>

#include "control-plane/control.pb.h"

namespace bmc {

// Text for a terminal, ending in a line feed. `key` is what `get` asked for. code() must be 0.
std::string show_text(const control::Response& response, const std::string& key);

// One JSON object on one line: the reply's fields under their protocol names; `stats` as {"name": "value"};
// values of `get` in base64, as protobuf's JSON mapping has it.
std::string show_json(const control::Response& response);

// Whether the answer means "yes" for the exit status: an entry was found, nothing is missing...
bool is_good(const control::Response& response);

const char* to_string(control::Mode mode);

}  // namespace bmc

#endif
