// SPDX-License-Identifier: Apache-2.0
// FamilyBuilder: metric families of prometheus-cpp in a line each. Used by the applications.
#ifndef BMC_CONTROL_PLANE_METRIC_BUILDER_H
#define BMC_CONTROL_PLANE_METRIC_BUILDER_H

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace bmc {

// FamilyBuilder(families, "bmcd_entries", "Entries stored", MetricType::Gauge).add(17);
class FamilyBuilder {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  FamilyBuilder(std::vector<prometheus::MetricFamily>& families, std::string name, std::string help,
                prometheus::MetricType type)
      : families_(families), index_(families.size()) {
    prometheus::MetricFamily& family = families.emplace_back();
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = type;
  }

  template <typename Number>
  FamilyBuilder& add(Number value, Labels labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    const bool counter = families_[index_].type == prometheus::MetricType::Counter;
    (counter ? metric.counter.value : metric.gauge.value) = static_cast<double>(value);
    families_[index_].metric.push_back(std::move(metric));
    return *this;
  }

  void add(prometheus::ClientMetric metric) { families_[index_].metric.push_back(std::move(metric)); }

 private:
  std::vector<prometheus::MetricFamily>& families_;
  std::size_t index_;
};

}  // namespace bmc

#endif
