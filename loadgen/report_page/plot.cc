// SPDX-License-Identifier: Apache-2.0
#include "loadgen/report_page/plot.h"

#include <fmt/format.h>

#include <algorithm>

namespace bmc::loadgen {
namespace {

constexpr double kHeight = 330;
constexpr double kLeft = 68, kRight = 20, kTop = 14, kBottom = 46;  // room around the area of the data
constexpr std::size_t kColours = 8;                                 // --c0 … of style.css
constexpr const char* kShapes[] = {
    "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",  // circle
    "M-3.2-3.2H3.2V3.2H-3.2z",                        // square
    "M0-4.3L4.1 3.2H-4.1z",                           // triangle
    "M0-4.6L4.2 0L0 4.6L-4.2 0z",                     // diamond
    "M0 4.3L4.1-3.2H-4.1z",                           // triangle on its point
};
constexpr const char* kCross = "M-3.6-3.6L3.6 3.6M3.6-3.6L-3.6 3.6";

const char* mark_class(Mark mark) {
  switch (mark) {
    case Mark::kFilled:
      return "point";
    case Mark::kHollow:
      return "point hollow";
    case Mark::kCross:
      return "point cross";
    case Mark::kOnHover:
      return "point quiet";
  }
  return "";
}

std::string marker(std::size_t series, Mark mark, const std::string& attributes) {
  const char* shape = mark == Mark::kCross ? kCross : kShapes[series % std::size(kShapes)];
  return fmt::format(R"(<path class="{}" d="{}"{}/>)", mark_class(mark), shape, attributes);
}

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {}

  std::string svg() {
    out_ = fmt::format(R"(<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">)", plot_.width,
                       kHeight, escaped(plot_.title));
    axes();
    if (plot_.diagonal) diagonal();
    for (const PlotLine& line : plot_.lines) draw(line);
    return out_ + "</svg>\n";
  }

 private:
  double x(double value) const { return kLeft + plot_.x.at(value) * (right() - kLeft); }
  double y(double value) const { return bottom() - plot_.y.at(value) * (bottom() - kTop); }
  double right() const { return plot_.width - kRight; }
  static double bottom() { return kHeight - kBottom; }

  void axes() {
    for (const Tick& tick : plot_.x.ticks()) {
      out_ += fmt::format(R"(<path class="grid" d="M{0:.1f} {1:.1f}V{2:.1f}"/>)"
                          R"(<text class="tick" x="{0:.1f}" y="{3:.1f}" text-anchor="middle">{4}</text>)",
                          x(tick.value), kTop, bottom(), bottom() + 17, escaped(tick.label));
    }
    for (const Tick& tick : plot_.y.ticks()) {
      out_ += fmt::format(R"(<path class="grid" d="M{0:.1f} {1:.1f}H{2:.1f}"/>)"
                          R"(<text class="tick" x="{3:.1f}" y="{4:.1f}" text-anchor="end">{5}</text>)",
                          kLeft, y(tick.value), right(), kLeft - 7, y(tick.value) + 4, escaped(tick.label));
    }
    out_ += fmt::format(R"(<path class="axis" d="M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}"/>)", kLeft, kTop, bottom(),
                        right());
    out_ += fmt::format(R"(<text class="title" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
                        (kLeft + right()) / 2, kHeight - 8, escaped(plot_.x_title));
    out_ += fmt::format(R"svg(<text class="title" transform="translate(13 {:.1f}) rotate(-90)" )svg"
                        R"(text-anchor="middle">{}</text>)",
                        (kTop + bottom()) / 2, escaped(plot_.y_title));
  }

  void diagonal() {
    const double from = std::max(plot_.x.ticks().front().value, plot_.y.ticks().front().value);
    const double to = std::min(plot_.x.ticks().back().value, plot_.y.ticks().back().value);
    out_ += fmt::format(R"(<path class="diagonal" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>)", x(from), y(from),
                        x(to), y(to));
  }

  void draw(const PlotLine& line) {
    out_ += fmt::format(R"(<g class="series c{}" data-series="{}" opacity="{:.2f}">)", line.series % kColours,
                        line.series, line.opacity);
    std::string path;
    for (const PlotPoint& point : line.points)
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? 'M' : 'L', x(point.x), y(point.y));
    if (line.points.size() > 1)
      out_ += fmt::format(R"(<path class="line{}" d="{}"/>)", line.dashed ? " dashed" : "", path);
    for (const PlotPoint& point : line.points) {
      out_ += marker(line.series, point.mark,
                     fmt::format(R"svg( transform="translate({:.1f} {:.1f})" data-tip="{}")svg", x(point.x),
                                 y(point.y), escaped(point.tip)));
    }
    out_ += "</g>\n";
  }

  const Plot& plot_;
  std::string out_;
};

}  // namespace

std::string svg(const Plot& plot) { return Drawing(plot).svg(); }

std::string swatch(std::size_t series) {
  return fmt::format(R"(<svg class="swatch" viewBox="-14 -6 28 12" aria-hidden="true"><g class="c{}">)"
                     R"(<path class="line" d="M-13 0H13"/>{}</g></svg>)",
                     series % kColours, marker(series, Mark::kFilled, ""));
}

}  // namespace bmc::loadgen
