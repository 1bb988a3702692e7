// SPDX-License-Identifier: Apache-2.0
// See step.h.
#include "netns-tests/compare/step.h"

#include <cstdio>

namespace bmc::compare {

const char* to_string(Channel channel) {
  constexpr const char* kNames[] = {"tcp v4",    "tcp v6", "tcp loopback", "binary v4",
                                    "binary v6", "udp v4", "udp v6",       "udp binary v4"};
  return kNames[static_cast<size_t>(channel)];
}

std::string visible(std::string_view bytes) {
  constexpr size_t kShown = 300;
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == kShown && bytes.size() > 2 * kShown) {
      text += "...[" + std::to_string(bytes.size() - 2 * kShown) + " bytes]...";
      i = bytes.size() - kShown;
    }
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte == '\r') {
      text += "\\r";
    } else if (byte == '\n') {
      text += "\\n";
    } else if (byte >= 0x20 && byte < 0x7f) {
      text += bytes[i];
    } else {
      char hex[8];
      std::snprintf(hex, sizeof(hex), "\\x%02x", byte);
      text += hex;
    }
  }
  return text;
}

std::string Step::text() const {
  if (kind == StepKind::kWaitTick) return "wait for two ticks of both clocks";
  if (kind == StepKind::kWaitGone) return "wait until both have lost " + keys.front() + "...";
  std::string out = std::string(to_string(channel)) + ": " + visible(bytes);
  if (!frame_header.empty()) out += " [frame " + visible(frame_header) + "]";
  if (!cuts.empty()) {
    out += mode == lab::CutMode::kAcknowledged ? " [segments end at" : " [sends end at";
    for (const size_t cut : cuts) out += " " + std::to_string(cut);
    out += "]";
  }
  return out;
}

}  // namespace bmc::compare
