// SPDX-License-Identifier: Apache-2.0
// What may be said together on the command line, and what is told to who says something else.
#include "loadgen/options.h"

#include <gtest/gtest.h>

namespace bmc::loadgen {
namespace {

// Parses and settles `line`; the error's text, "" when all is well.
std::string settle(const std::string& line, Options& options, nlohmann::ordered_json* json = nullptr) {
  CLI::App app;
  declare_options(app, options);
  try {
    app.parse(line);
  } catch (const CLI::ParseError& error) {
    return std::string("parser: ") + error.what();
  }
  if (const auto settled = settle_options(options); !settled) return settled.error().what;
  if (json != nullptr) *json = options_json(app, options);
  return "";
}

std::string settle(const std::string& line) {
  Options options;
  return settle(line, options);
}

TEST(Options, MemtiersSpellingIsUnderstood) {
  Options options;
  ASSERT_EQ(
      settle("-s 10.0.0.1 -p 11212 --transport tcp -t 4 -c 50 -n 1000 --ratio 1:10 -d 100 --key-minimum 5 "
             "--key-maximum 1004 --key-pattern Z:Z --key-zipf-exp 1.1 --multi-key-get 8 --expiry-range 10-20 "
             "--print-percentiles 50,99.9 --hide-histogram --pipeline 3 --json-out-file x.json",
             options),
      "");
  EXPECT_EQ(options.server, "10.0.0.1");
  EXPECT_EQ(options.port, 11212);
  EXPECT_EQ(options.connections(), 200u);
  EXPECT_EQ(options.requests_in_all(), 200000u);
  EXPECT_EQ(options.traffic.sets, 1u);
  EXPECT_EQ(options.traffic.gets, 10u);
  EXPECT_EQ(options.workload.data_size, 100u);
  EXPECT_EQ(options.workload.key_minimum, 5u);
  EXPECT_EQ(options.workload.key_count, 1000u);
  EXPECT_EQ(options.workload.pattern, Pattern::kZipf);
  EXPECT_DOUBLE_EQ(options.workload.zipf_exponent, 1.1);
  EXPECT_EQ(options.workload.keys_per_request, 8u);
  EXPECT_EQ(options.traffic.expiry_min, 10u);
  EXPECT_EQ(options.traffic.expiry_max, 20u);
  EXPECT_EQ(options.percentiles, (std::vector<double>{50, 99.9}));
  EXPECT_TRUE(options.hide_histogram);
  EXPECT_EQ(options.pipeline, 3u);
}

TEST(Options, RateLimitingIsOfEachConnectionAndRateOfAll) {
  Options each, all;
  ASSERT_EQ(settle("--transport udp -t 2 -c 5 --rate-limiting 100", each), "");
  ASSERT_EQ(settle("--transport udp -t 2 -c 5 --rate 100", all), "");
  EXPECT_DOUBLE_EQ(each.rate, 1000);
  EXPECT_DOUBLE_EQ(all.rate, 100);
  EXPECT_NE(settle("--transport udp --rate 1 --rate-limiting 1").find("not both"), std::string::npos);
}

TEST(Options, WorkloadsBringTheirOwn) {
  Options etc, usr, uniform;
  ASSERT_EQ(settle("--transport tcp --workload etc", etc), "");
  EXPECT_EQ(etc.workload.sizes, Sizes::kEtc);
  EXPECT_EQ(etc.traffic.sets * 30, etc.traffic.gets);
  EXPECT_EQ(etc.workload.pattern, Pattern::kZipf);
  ASSERT_EQ(settle("--transport udp --workload usr --ratio 1:1 --key-pattern R", usr), "");
  EXPECT_EQ(usr.workload.sizes, Sizes::kUsr);
  EXPECT_EQ(usr.traffic.gets, 1u);
  EXPECT_EQ(usr.workload.pattern, Pattern::kUniform);
  ASSERT_EQ(settle("--transport udp", uniform), "");
  EXPECT_EQ(uniform.traffic.sets, 0u);
  EXPECT_EQ(uniform.workload.sizes, Sizes::kFixed);
}

TEST(Options, AClosedLoopHasOneRequestOutstandingAnOpenOneMore) {
  Options closed, open;
  ASSERT_EQ(settle("--transport udp", closed), "");
  ASSERT_EQ(settle("--transport udp --find-max", open), "");
  EXPECT_EQ(closed.pipeline, 1u);
  EXPECT_GT(*open.pipeline, 100u);
}

struct Refusal {
  const char* line;
  const char* says;
};

class RefusedOptions : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedOptions, SayWhatToDo) {
  const std::string error = settle(GetParam().line);
  EXPECT_NE(error.find(GetParam().says), std::string::npos) << GetParam().line << ": " << error;
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedOptions,
    ::testing::Values(
        Refusal{"--transport udp --key-minimum 10 --key-maximum 9", "key range is empty"},
        Refusal{"--transport udp --key-maximum 100000000", "99999999"},
        Refusal{"--transport udp --ratio 1", "--ratio 1"},
        Refusal{"--transport udp --ratio 0:0", "not both zero"},
        Refusal{"--transport udp --ratio a:1", "--ratio a:1"},
        Refusal{"--transport udp --ratio 1:1x", "--ratio"},
        Refusal{"--transport udp --ratio 1:0 --multi-key-get 2", "needs gets"},
        Refusal{"--transport udp --expiry-range 1-2", "needs sets"},
        Refusal{"--transport udp --ratio 1:1 --expiry-range 3-2", "--expiry-range"},
        Refusal{"--transport udp --ratio 1:1 --expiry-range 3", "--expiry-range"},
        Refusal{"--transport udp --verify some", "--verify"},
        Refusal{"--transport udp --verify 1.5", "--verify"},
        Refusal{"--transport udp --data-size 5 --data-size-range 1-9", "not both"},
        Refusal{"--transport udp --data-size-range 9-1", "--data-size-range"},
        Refusal{"--transport udp --workload etc -d 9", "sizes of its own"},
        Refusal{"--transport udp --workload usr --key-size 20", "sizes of its own"},
        Refusal{"--transport udp --key-pattern Q", "R, S or Z"},
        Refusal{"--transport udp --print-percentiles 50,x", "--print-percentiles"},
        Refusal{"--transport udp --print-percentiles 0", "--print-percentiles"},
        Refusal{"--transport udp --print-percentiles 101", "--print-percentiles"},
        Refusal{"--transport udp --rate -5", "positive"}, Refusal{"--transport udp -c 0", "least"},
        Refusal{"--transport udp --find-max -n 5", "--requests"},
        Refusal{"--transport udp --expect-echo", "--transport kernel"},
        Refusal{"--transport udp --peer-mac 02:00:00:00:00:01", "--peer-mac"},
        Refusal{"--transport kernel --rate 5", "--interface"}, Refusal{"--transport af_xdp", "--interface"},
        Refusal{"--transport af_xdp -i x -t 2", "one thread"}, Refusal{"-i x", "--rate"},
        Refusal{"-i x --rate 5 --ratio 1:9", "only gets"},
        Refusal{"-i x --rate 5 --workload etc --ratio 0:1", "one size"},
        Refusal{"-i x --rate 5 -c 2", "-t and -c"}, Refusal{"-i x --rate 5 --verify 0.5", "--verify"},
        Refusal{"--echo-server", "--interface"}, Refusal{"--transport smoke-signals", "parser"}));

TEST(OptionsJson, HoldsWhatWasUsed) {
  Options options;
  nlohmann::ordered_json json;
  ASSERT_EQ(settle("--transport udp --workload etc --ratio 1:9 --hide-histogram -s ::1 --rate 1000", options,
                   &json),
            "");
  EXPECT_EQ(json["transport"], "udp");
  EXPECT_EQ(json["workload"], "etc");
  EXPECT_EQ(json["ratio"], "1:9");
  EXPECT_EQ(json["key-pattern"], "Z");
  EXPECT_EQ(json["hide-histogram"], true);
  EXPECT_EQ(json["populate"], false);
  EXPECT_EQ(json["server"], "::1");
  EXPECT_EQ(json["rate"], 1000);
  EXPECT_EQ(json["port"], 11211);
  EXPECT_EQ(json["threads"], 1);
  EXPECT_EQ(json["test-time"], 5);
  EXPECT_FALSE(json.contains("help"));
}

}  // namespace
}  // namespace bmc::loadgen
