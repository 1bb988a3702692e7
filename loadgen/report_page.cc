// SPDX-License-Identifier: Apache-2.0
#include "loadgen/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include "loadgen/report_page/charts.h"
#include "loadgen/report_page/pieces.h"

namespace bmc::loadgen {
namespace {

// The policy keeps what the page must not need from ever being fetched.
constexpr std::string_view kPage = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>bmc-loadgen: {names}</title>
<style>
{style}</style>
</head>
<body>
<header><h1>bmc-loadgen report</h1><p>{summary}</p></header>
<main>
<section class="wide legend" aria-label="Series">{legend}</section>
{plots}<section class="wide"><h2>Runs</h2>
<div class="scroll">{table}</div>
{notes}</section>
</main>
<div id="tip" role="status" hidden></div>
<script>
{script}</script>
</body>
</html>
)";

std::vector<Series> grouped_runs(const std::vector<Run>& runs) {
  std::vector<Series> all;
  for (const Run& run : runs) {
    auto series = std::find_if(all.begin(), all.end(), [&](const Series& each) {
      return each.name == run.name && each.transport == run.transport;
    });
    if (series == all.end()) series = all.insert(series, {run.name, run.transport, {}});
    series->runs.push_back(run);
  }
  return all;
}

std::string counted(std::size_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string names(const std::vector<Series>& all) {
  std::string names;
  for (const Series& series : all) names += (names.empty() ? "" : ", ") + series.name;
  return escaped(names);
}

std::string legend(const std::vector<Series>& all) {
  std::string out;
  for (std::size_t index = 0; index < all.size(); ++index) {
    out += fmt::format(R"(<button type="button" data-series="{}" aria-pressed="true">{}<bdi>{}</bdi>)"
                       R"(<span class="soft">{}</span></button>)",
                       index, swatch(index), escaped(all[index].name), escaped(all[index].transport));
  }
  return out;
}

std::string section(const Plot& plot, std::string_view note, std::string_view css_class) {
  return fmt::format("<section class=\"{}\"><h2>{}<small>{}</small></h2>\n{}</section>\n", css_class,
                     escaped(plot.title), escaped(note), svg(plot));
}

std::string plots(const std::vector<Series>& all) {
  return section(percentile_plot(all),
                 "one line per run; of one series, the fainter the lower its offered load", "wide") +
         section(throughput_plot(all), "dotted: all answered; ✕ not held; hollow: closed loop", "") +
         section(latency_plot(all), "solid: p99; dashed: p50; ✕ not held", "");
}

std::string time_cell(const std::optional<double>& us) {
  return us ? "<td>" + grouped(*us, 1) + "</td>" : R"(<td class="soft">none</td>)";
}

// A count that ought to be 0; `css_class` if it is not.
std::string fault_cell(double count, std::string_view css_class) {
  return count > 0 ? fmt::format(R"(<td class="{}">{}</td>)", css_class, grouped(count)) : "<td>0</td>";
}

std::string row(std::size_t series, const Run& run) {
  std::string kind = run.windows.empty() ? "" : "find-max, " + counted(run.windows.size(), "window");
  if (run.interrupted) kind += kind.empty() ? "interrupted" : ", interrupted";
  std::string out = fmt::format(
      R"(<tr data-series="{}"><td class="name" title="{}">{} <bdi>{}</bdi><small>{}</small></td><td>{}</td>)",
      series, escaped(fmt::format("{}\n{}, {:.4g} s", run.file, run.started, run.seconds)), swatch(series),
      escaped(run.name), kind, escaped(run.transport));
  out += run.load.offered_rps ? "<td>" + grouped(*run.load.offered_rps) + "</td>"
                              : R"(<td class="soft">closed loop</td>)";
  out += fmt::format(R"(<td class="result">{}</td>)", grouped(run.load.rps));
  out += time_cell(run.load.p50_us) + time_cell(run.load.p99_us) + time_cell(run.p999_us) +
         time_cell(run.max_us);
  const std::string_view loss_class = run.load.held ? "" : "warn";
  out += fault_cell(run.lost, loss_class) + fault_cell(run.wrong, "bad") + fault_cell(run.late, loss_class);
  return out + fmt::format("<td class=\"{}\">{:.3g}</td></tr>\n", loss_class, run.load.loss * 100);
}

std::string table(const std::vector<Series>& all) {
  std::string out = "<table><thead><tr>";
  for (const char* head : {"run", "transport", "offered/s", "answered/s", "p50 µs", "p99 µs", "p99.9 µs",
                           "max µs", "lost", "wrong", "late", "loss %"})
    out += fmt::format("<th scope=\"col\">{}</th>", head);
  out += "</tr></thead><tbody>\n";
  for (std::size_t index = 0; index < all.size(); ++index)
    for (const Run& run : all[index].runs) out += row(index, run);
  return out + "</tbody></table>";
}

std::string note(const Run& run, std::string_view css_class, std::string_view text) {
  return fmt::format("<p class=\"note {}\"><bdi>{}</bdi>: {}</p>\n", css_class, escaped(run.name),
                     escaped(text));
}

std::string notes(const std::vector<Run>& runs) {
  std::string out;
  for (const Run& run : runs) {
    for (const Count& reason : run.wrong_replies)
      out += note(run, "bad", "wrong replies, " + reason.name + ": " + grouped(reason.count));
    for (const std::string& remark : run.remarks) out += note(run, "", remark);
  }
  return out;
}

}  // namespace

Result<std::string> report_page(const std::vector<ReportFile>& files) {
  std::vector<Run> runs;
  for (const ReportFile& file : files) {
    auto read = read_runs(file.name, file.text);
    if (!read) return read.error();
    runs.insert(runs.end(), read->begin(), read->end());
  }
  if (runs.empty()) return Error{EINVAL, "there is no run in the files: give files of --json-out-file"};
  const std::vector<Series> all = grouped_runs(runs);
  const std::string summary = counted(runs.size(), "run") + " from " + counted(files.size(), "file") +
                              "; latencies from the intended time of sending where the load is offered";
  using fmt::arg;
  return fmt::format(kPage, arg("names", names(all)), arg("style", kStyle), arg("summary", summary),
                     arg("legend", legend(all)), arg("plots", plots(all)), arg("table", table(all)),
                     arg("notes", notes(runs)), arg("script", kScript));
}

Result<void> write_report_page(const std::vector<std::string>& inputs, const std::string& output) {
  std::vector<ReportFile> files;
  for (const std::string& input : inputs) {
    std::ifstream file(input, std::ios::binary);
    if (!file) return errno_error("cannot read " + input);
    std::ostringstream text;
    text << file.rdbuf();
    files.push_back({input, text.str()});
  }
  auto page = report_page(files);
  if (!page) return page.error();
  std::ofstream file;
  if (output != "-") file.open(output, std::ios::binary);
  std::ostream& out = output == "-" ? std::cout : file;
  if (!(out << *page << std::flush)) return errno_error("cannot write " + output);
  return {};
}

}  // namespace bmc::loadgen
