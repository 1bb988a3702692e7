// SPDX-License-Identifier: Apache-2.0
// Text of the page: what is foreign is escaped, numbers are written for a person. Used by plot.cc, scale.cc,
// report_page.cc.
#ifndef BMC_LOADGEN_REPORT_PAGE_MARKUP_H
#define BMC_LOADGEN_REPORT_PAGE_MARKUP_H

#include <string>
#include <string_view>

namespace bmc::loadgen {

// What a number counts; decides how it is written.
enum class Unit { kPerSecond, kMicroseconds, kShare };

// Safe as the text of an element and in a quoted attribute. Control characters but the line
// feed become U+FFFD.
std::string escaped(std::string_view text);

// At most four digits and a unit: "564.4k/s", "5.31 µs", "2 ms", "99.9%". Shares keep all their nines.
std::string quantity(Unit unit, double value);

// "34,000,000", or with decimals "34,000,000.0".
std::string grouped(double value, int decimals = 0);

}  // namespace bmc::loadgen

#endif
