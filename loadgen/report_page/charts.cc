// SPDX-License-Identifier: Apache-2.0
#include "loadgen/report_page/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace bmc::loadgen {
namespace {

constexpr double kWholeWidth = 1200, kHalfWidth = 590;
// Where the best rate of a series is this much below that of another, axes of rates are logarithmic. Rates
// against rates are longer read on linear ones: heights compare there.
constexpr double kThroughputApart = 30, kLatencyApart = 5;
constexpr std::size_t kPointsShown = 6;  // a line of more points shows them on hover only
constexpr double kFaintest = 0.4;

// The range of the positive values seen; 1 to 10 if there are none.
class Range {
 public:
  void add(double value) {
    if (!(value > 0)) return;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }
  double min() const { return max_ > 0 ? min_ : 1; }
  double max() const { return max_ > 0 ? max_ : 10; }
  double ratio() const { return max() / min(); }

 private:
  double min_ = std::numeric_limits<double>::infinity();
  double max_ = 0;
};

double offered(const Load& load) { return load.offered_rps.value_or(load.rps); }

// Loads that a line may join: open loop, by rate.
std::vector<Load> by_rate(const Series& series) {
  std::vector<Load> loads;
  for (const Run& run : series.runs) {
    if (run.load.offered_rps) loads.push_back(run.load);
    std::copy_if(run.windows.begin(), run.windows.end(), std::back_inserter(loads),
                 [](const Load& window) { return window.offered_rps.has_value(); });
  }
  std::stable_sort(loads.begin(), loads.end(),
                   [](const Load& a, const Load& b) { return *a.offered_rps < *b.offered_rps; });
  return loads;
}

// Each group of loads is a line of its own: those by rate, and each closed loop alone.
std::vector<std::vector<Load>> groups(const Series& series) {
  std::vector<std::vector<Load>> groups = {by_rate(series)};
  for (const Run& run : series.runs)
    if (!run.load.offered_rps) groups.push_back({run.load});
  return groups;
}

std::string tip(const Series& series, const Load& load) {
  std::string text = series.name + ", " + series.transport + "\n";
  text += load.offered_rps ? quantity(Unit::kPerSecond, *load.offered_rps) + " offered" : "closed loop";
  text += ", " + quantity(Unit::kPerSecond, load.rps) + " answered\n" +
          fmt::format("{:.3g}% lost or late", load.loss * 100);
  if (load.p50_us) text += "\np50 " + quantity(Unit::kMicroseconds, *load.p50_us);
  if (load.p99_us) text += ", p99 " + quantity(Unit::kMicroseconds, *load.p99_us);
  return text;
}

Mark mark_of(const Load& load) {
  if (!load.held) return Mark::kCross;
  return load.offered_rps ? Mark::kFilled : Mark::kHollow;
}

struct Rates {
  Range offered;
  Range answered;
  Range best;  // of each series
};

Rates rates_of(const std::vector<Series>& all) {
  Rates rates;
  for (const Series& series : all) {
    double best = 0;
    for (const std::vector<Load>& group : groups(series)) {
      for (const Load& load : group) {
        rates.offered.add(offered(load));
        rates.answered.add(load.rps);
        best = std::max(best, load.rps);
      }
    }
    rates.best.add(best);
  }
  return rates;
}

Scale rate_scale(const Range& range, bool logarithmic) {
  return logarithmic ? Scale::logarithmic(Unit::kPerSecond, range.min(), range.max())
                     : Scale::linear(Unit::kPerSecond, range.max());
}

// One percentile of a group; loads that have none are left out.
PlotLine latency_line(const Series& series, std::size_t index, const std::vector<Load>& group,
                      std::optional<double> Load::*percentile, Mark mark) {
  PlotLine line{index, {}, mark == Mark::kHollow};
  for (const Load& load : group) {
    if (load.*percentile)
      line.points.push_back(
          {offered(load), *(load.*percentile), load.held ? mark : Mark::kCross, tip(series, load)});
  }
  return line;
}

}  // namespace

Plot percentile_plot(const std::vector<Series>& all) {
  Range us;
  double most = 0;
  for (const Series& series : all) {
    for (const Run& run : series.runs) {
      for (const Percentile& point : run.distribution) {
        us.add(point.us);
        if (point.share < 1) most = std::max(most, point.share);
      }
    }
  }
  Plot plot{"Latency by percentile",
            "percentile of requests, each further nine as wide as the one before",
            "latency",
            Scale::nines(most),
            Scale::logarithmic(Unit::kMicroseconds, us.min(), us.max()),
            kWholeWidth};
  for (std::size_t index = 0; index < all.size(); ++index) {
    std::vector<Run> runs = all[index].runs;
    std::stable_sort(runs.begin(), runs.end(),
                     [](const Run& a, const Run& b) { return offered(a.load) < offered(b.load); });
    for (std::size_t place = 0; place < runs.size(); ++place) {
      const Run& run = runs[place];
      const double part = static_cast<double>(place + 1) / static_cast<double>(runs.size());
      PlotLine line{index, {}, false, kFaintest + (1 - kFaintest) * part};
      const Mark mark = run.distribution.size() > kPointsShown ? Mark::kOnHover : Mark::kFilled;
      for (const Percentile& point : run.distribution) {
        line.points.push_back({point.share, point.us, mark,
                               quantity(Unit::kShare, point.share) + " at or below " +
                                   quantity(Unit::kMicroseconds, point.us) + "\n" +
                                   tip(all[index], run.load)});
      }
      plot.lines.push_back(std::move(line));
    }
  }
  return plot;
}

Plot throughput_plot(const std::vector<Series>& all) {
  const Rates rates = rates_of(all);
  const bool apart = rates.best.ratio() >= kThroughputApart;
  Plot plot{"Throughput by offered load",
            "requests offered",
            "requests answered",
            rate_scale(rates.offered, apart),
            rate_scale(rates.answered, apart),
            kHalfWidth,
            true};
  for (std::size_t index = 0; index < all.size(); ++index) {
    for (const std::vector<Load>& group : groups(all[index])) {
      PlotLine line{index, {}};
      for (const Load& load : group)
        line.points.push_back({offered(load), load.rps, mark_of(load), tip(all[index], load)});
      plot.lines.push_back(std::move(line));
    }
  }
  return plot;
}

Plot latency_plot(const std::vector<Series>& all) {
  const Rates rates = rates_of(all);
  Range us;
  std::vector<PlotLine> lines;
  for (std::size_t index = 0; index < all.size(); ++index) {
    for (const std::vector<Load>& group : groups(all[index])) {
      lines.push_back(latency_line(all[index], index, group, &Load::p50_us, Mark::kHollow));
      lines.push_back(latency_line(all[index], index, group, &Load::p99_us, Mark::kFilled));
    }
  }
  for (const PlotLine& line : lines)
    for (const PlotPoint& point : line.points) us.add(point.y);
  return {"Latency by offered load",
          "requests offered",
          "latency",
          rate_scale(rates.offered, rates.best.ratio() >= kLatencyApart),
          Scale::logarithmic(Unit::kMicroseconds, us.min(), us.max()),
          kHalfWidth,
          false,
          std::move(lines)};
}

}  // namespace bmc::loadgen
