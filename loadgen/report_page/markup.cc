// SPDX-License-Identifier: Apache-2.0
#include "loadgen/report_page/markup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bmc::loadgen {
namespace {

struct Step {
  double factor;
  std::string_view suffix;
};

// The largest step that `value` reaches; a value below all of them is written in the first.
template <std::size_t size>
std::string in_steps(double value, const std::array<Step, size>& steps) {
  const Step* chosen = &steps.front();
  for (const Step& step : steps) {
    // What four digits would round up to the next step is written in it.
    if (value >= step.factor * 0.99995) chosen = &step;
  }
  return fmt::format("{:.4g}{}", value / chosen->factor, chosen->suffix);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char each : text) {
    switch (each) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if ((static_cast<unsigned char>(each) < 0x20 && each != '\n') || each == 0x7f)
          out += "\uFFFD";
        else
          out += each;
    }
  }
  return out;
}

std::string quantity(Unit unit, double value) {
  static constexpr std::array kRates = {Step{1, "/s"}, Step{1e3, "k/s"}, Step{1e6, "M/s"}, Step{1e9, "G/s"}};
  static constexpr std::array kTimes = {Step{1, " µs"}, Step{1e3, " ms"}, Step{1e6, " s"}};
  switch (unit) {
    case Unit::kPerSecond:
      return in_steps(value, kRates);
    case Unit::kMicroseconds:
      return in_steps(value, kTimes);
    case Unit::kShare:
      return fmt::format("{:.9g}%", value * 100);
  }
  return "";
}

std::string grouped(double value, int decimals) {
  std::string digits = fmt::format("{:.{}f}", value, decimals);
  const auto whole = static_cast<std::ptrdiff_t>(std::min(digits.find('.'), digits.size()));
  for (std::ptrdiff_t at = whole - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

}  // namespace bmc::loadgen
