// SPDX-License-Identifier: Apache-2.0
// The files of this folder that go into the page as they are. Used by report_page.cc.
#ifndef BMC_LOADGEN_REPORT_PAGE_PIECES_H
#define BMC_LOADGEN_REPORT_PAGE_PIECES_H

namespace bmc::loadgen {

extern const char* const kStyle;   // style.css
extern const char* const kScript;  // script.js

}  // namespace bmc::loadgen

#endif
