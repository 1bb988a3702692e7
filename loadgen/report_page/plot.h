// SPDX-License-Identifier: Apache-2.0
// Plot: lines and points over two scales, drawn as inline SVG. Colours and widths are the page's style
// sheet's. Used by report_page.cc.
#ifndef BMC_LOADGEN_REPORT_PAGE_PLOT_H
#define BMC_LOADGEN_REPORT_PAGE_PLOT_H

#include <cstddef>
#include <string>
#include <vector>

#include "loadgen/report_page/scale.h"

namespace bmc::loadgen {

// How a point is drawn; its shape and colour are its series'.
enum class Mark { kFilled, kHollow, kCross, kOnHover };

struct PlotPoint {
  double x;
  double y;
  Mark mark;
  std::string tip;  // lines of plain text, shown beside the pointer
};

struct PlotLine {
  std::size_t series;             // lines of one series share colour, shape and legend
  std::vector<PlotPoint> points;  // joined in this order
  bool dashed = false;
  double opacity = 1;
};

struct Plot {
  std::string title;
  std::string x_title;
  std::string y_title;
  Scale x;
  Scale y;
  double width;           // of the drawing, in CSS pixels, as it is meant to be seen
  bool diagonal = false;  // y = x, for two scales of one unit
  std::vector<PlotLine> lines = {};
};

std::string svg(const Plot& plot);

// A series' line and shape, for the legend and the table.
std::string swatch(std::size_t series);

}  // namespace bmc::loadgen

#endif
