// SPDX-License-Identifier: Apache-2.0
#include "loadgen/find_max.h"

#include <algorithm>

namespace bmc::loadgen {
namespace {

// A window that lost more than this is overload, not an accident: no second look.
constexpr double kHopelessLoss = 0.2;
// A generator that sends less than this share of what was asked has reached its own end.
constexpr double kGeneratorShare = 0.93;
constexpr double kSentMore = 1.1;
constexpr int kInVain = 2;
constexpr int kRounds = 3;
constexpr int kSmallSteps = 2;
constexpr double kStepMost = 0.2;

class Search {
 public:
  Search(const FindMaxPlan& plan, const Measure& measure) : plan_(plan), measure_(measure) {}

  Result<FindMaxOutcome> run() {
    const Result<void> done = search();
    if (!done && !plan_.stop.stop_requested()) return done.error();
    return outcome_;
  }

 private:
  Result<void> search() {
    bad_ = plan_.start_rps;
    for (int round = 0; round < kRounds; ++round) {
      if (auto bounded = climb(); !bounded) return bounded.error();
      const double bound = bad_;
      if (auto narrowed = narrow(); !narrowed) return narrowed.error();
      // Everything below the bound held: then it was an accident that the bound itself did not.
      if (bad_ < bound || outcome_.limited_by_load || good_ >= plan_.ceiling_rps) break;
    }
    return confirm();
  }

  bool acceptable(const RunReport& report) const {
    // What could not be sent because too much was unanswered is the server's loss too.
    const auto stalled = static_cast<double>(report.stalled);
    return !report.aborted && report.answered() > 0 && report.loss() <= plan_.loss_max &&
           stalled <= plan_.loss_max * (stalled + static_cast<double>(report.sent));
  }

  Result<RunReport> window(double rps, double seconds) {
    outcome_.windows++;
    Result<RunReport> report = measure_(rps, seconds);
    if (!report) return report;
    outcome_.tried.push_back({rps, report->sent_rps(), report->rps(), report->loss(),
                              report->latency.quantile_ns(0.5), report->latency.quantile_ns(0.99),
                              acceptable(*report)});
    if (acceptable(*report) || !acceptable(outcome_.best)) outcome_.best = *report;
    if (plan_.stop.stop_requested()) return Error{ECANCELED, "interrupted"};
    return report;
  }

  Result<bool> holds(double rps) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      Result<RunReport> report = window(rps, plan_.window_seconds);
      if (!report) return report.error();
      if (acceptable(*report)) {
        outcome_.limited_by_load = report->sent_rps() < rps * kGeneratorShare;
        const bool sent_more = report->sent_rps() > sent_most_ * kSentMore;
        in_vain_ = outcome_.limited_by_load && !sent_more ? in_vain_ + 1 : 0;
        sent_most_ = std::max(sent_most_, report->sent_rps());
        return true;
      }
      if (report->loss() > kHopelessLoss) return false;
    }
    return false;
  }

  Result<void> climb() {
    for (;;) {
      Result<bool> held = holds(bad_);
      if (!held) return held.error();
      if (!*held) break;
      good_ = bad_;
      // One window in which the generator was held up is not its end.
      if (in_vain_ >= kInVain || good_ >= plan_.ceiling_rps) break;
      bad_ = std::min(good_ * 2, plan_.ceiling_rps);
    }
    return {};
  }

  Result<void> narrow() {
    while (bad_ > good_ && bad_ - good_ > plan_.precision * bad_ && bad_ > 1) {
      const double middle = (good_ + bad_) / 2;
      Result<bool> held = holds(middle);
      if (!held) return held.error();
      (*held ? good_ : bad_) = middle;
      if (*held && in_vain_ >= kInVain) break;
    }
    return {};
  }

  Result<void> confirm() {
    double rps = std::max(good_, 1.0);
    double step = plan_.precision;
    for (int attempt = 0; attempt < plan_.confirm_tries; ++attempt) {
      Result<RunReport> report = window(rps, plan_.confirm_seconds);
      if (!report) return report.error();
      outcome_.confirmed = acceptable(*report);
      outcome_.best = *std::move(report);
      if (outcome_.confirmed) break;
      rps *= 1 - step;
      // No accident any more: what held for a moment does not hold for long, or what was asked too much of
      // still recovers.
      if (attempt >= kSmallSteps) step = std::min(2 * step, kStepMost);
    }
    return {};
  }

  const FindMaxPlan& plan_;
  const Measure& measure_;
  FindMaxOutcome outcome_;
  double good_ = 0;       // highest rate that held
  double bad_ = 0;        // lowest rate that did not
  double sent_most_ = 0;  // a second, in any window that held
  int in_vain_ = 0;       // windows in a row that sent less than asked and no more than those before
};

}  // namespace

Result<FindMaxOutcome> find_max(const FindMaxPlan& plan, const Measure& measure) {
  if (!(plan.start_rps > 0) || plan.precision <= 0 || plan.precision >= 1 || plan.confirm_tries < 1)
    return Error{EINVAL,
                 "the search needs a positive start, a precision between 0 and 1 and one try at least"};
  return Search(plan, measure).run();
}

}  // namespace bmc::loadgen
