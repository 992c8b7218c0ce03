#include "bench/report_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/machine.h"

namespace permafrost {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinity.
Json Finite(double value) { return std::isfinite(value) ? Json(value) : Json("inf"); }

Json ToJson(const Statistics& statistics) {
  return {{"count", statistics.count},   {"min", statistics.min},       {"p25", statistics.p25},
          {"median", statistics.median}, {"p75", statistics.p75}, {"p90", statistics.p90},
          {"p95", statistics.p95},       {"p99", statistics.p99},
          {"mean", statistics.mean},     {"variation", statistics.variation}};
}

Json ToJson(const RunTimes& times) { return {{"in", times.in_ms}, {"net", times.net_ms}, {"out", times.out_ms}}; }

Json ToJson(const Profile& profile) {
  Json json = {{"forwards", profile.forwards}, {"total_ms", profile.total_ms}, {"layers", Json::array()}};
  for (const LayerTime& layer : profile.layers) {
    json["layers"].push_back({{"name", layer.name}, {"type", layer.type}, {"ms", layer.ms}});
  }
  return json;
}

Json ToJson(const Share& share) {
  return {{"hits", share.hits}, {"share", share.share}, {"low", share.low}, {"high", share.high}};
}

Json ToJson(const LabelledReport& report) {
  Json json = {{"pictures", report.pictures}, {"output", report.output}, {"files", Json::array()}};
  for (const LabelledFile& file : report.files) {
    Json one = {{"file", file.name}, {"top1", ToJson(file.top1)}, {"top5", ToJson(file.top5)}, {"failed", file.failed}};
    if (file.agreement) one["agreement"] = *file.agreement;
    if (!file.first_failure.empty()) one["first_failure"] = file.first_failure;
    json["files"].push_back(std::move(one));
  }
  return json;
}

Json ToJson(const Advice& advice) {
  return {{"goal", advice.goal},
          {"file", advice.file},
          {advice.goal == "latency" ? "ms" : "items_per_s", advice.value},
          {"flags", advice.flags},
          {"session_code", advice.session_code},
          {"cv_code", advice.cv_code},
          {"tried", advice.tried},
          {"alike", advice.alike}};
}

void AddSetting(const Setting& setting, Json& json) {
  json["backend"] = setting.session.backend;
  json["target"] = setting.session.target;
  json["threads"] = setting.session.threads;
  json["batch"] = setting.batch;
  json["streams"] = setting.streams;
}

Json ToJson(const FileReport& file, const FileReport* first) {
  Json json;
  json["file"] = file.label;
  if (!file.setting.name.empty()) json["setting"] = file.setting.name;
  AddSetting(file.setting, json);
  json["verdict"] = VerdictName(file.check.verdict);
  if (!file.check.reason.empty()) json["reason"] = file.check.reason;
  if (file.check.other_name) json["last_layer_taken"] = true;
  json["outputs"] = ToJson(file.check);
  if (const auto& detections = file.check.detections) {
    json["detections"] = {{"matched", detections->matched},
                          {"missed", detections->missed},
                          {"extra", detections->extra},
                          {"worst_iou", detections->worst_iou},
                          {"worst_score", detections->worst_score}};
  }
  if (file.check.peak_bytes) json["peak_bytes"] = *file.check.peak_bytes;
  if (file.timing) {
    json["load_ms"] = ToJson(file.timing->load);
    json["first_ms"] = ToJson(file.timing->first);
    json["steady_ms"] = ToJson(file.timing->steady);
    json["load_ms"]["medians"] = file.timing->load_medians;
    json["steady_ms"]["medians"] = file.timing->steady_medians;
    json["first_parts_ms"] = ToJson(file.timing->first_parts);
    json["steady_parts_ms"] = ToJson(file.timing->steady_parts);
    json["item_ms"] = file.timing->item_ms;
    json["items"] = file.timing->items;
    json["items_per_s"] = file.timing->ItemsPerSecond();
    json["cpu_layers"] = file.timing->cpu_layers;
    if (first != &file) {
      json["loads_faster_by"] = ToJson(CompareTimes(first->timing->load_medians, file.timing->load_medians));
      json["faster_by"] = ToJson(SpeedupOf(*first->timing, *file.timing));
    }
  }
  if (file.profile) json["profile"] = ToJson(*file.profile);
  if (!file.no_profile.empty()) json["no_profile"] = file.no_profile;
  return json;
}

}  // namespace

Json ToJson(const Speedup& speedup) {
  return {{"ratio", speedup.ratio},
          {"low", speedup.low},
          {"high", speedup.high},
          {"p", speedup.p},
          {"distinguishable", speedup.distinguishable}};
}

Json ToJson(const Check& check) {
  Json outputs = Json::array();
  for (const CheckedOutput& output : check.outputs) {
    const Comparison& comparison = output.comparison;
    Json one = {{"name", output.name},
                {"verdict", VerdictName(comparison.verdict)},
                {"needed_rel", Finite(comparison.needed_rel)},
                {"max_abs", Finite(comparison.max_abs)},
                {"cosine", Finite(comparison.cosine)},
                {"zero_fraction", comparison.zero_fraction}};
    if (comparison.top1) one["top1"] = *comparison.top1;
    if (comparison.top5) one["top5"] = *comparison.top5;
    if (comparison.class_iou) one["class_iou"] = *comparison.class_iou;
    if (!comparison.reason.empty()) one["reason"] = comparison.reason;
    outputs.push_back(std::move(one));
  }
  return outputs;
}

std::string ReportJson(const std::vector<CaseReport>& reports, const BenchOptions& options) {
  Json json;
  json["format_version"] = 1;
  for (const auto& [key, value] : MachineFacts()) json["machine"][key] = value;
  json["settings"] = Json::array();
  for (const Setting& setting : options.settings) {
    Json one = {{"name", setting.name}};
    AddSetting(setting, one);
    json["settings"].push_back(std::move(one));
  }
  json["tolerance"] = options.tolerance;
  json["cases"] = Json::array();
  for (const CaseReport& report : reports) {
    Json one;
    one["name"] = report.name;
    one["judge"] = report.judged_by_kernels ? "reference kernels" : "TensorFlow";
    if (!report.error.empty()) one["error"] = report.error;
    one["files"] = Json::array();
    for (const FileReport& file : report.files) one["files"].push_back(ToJson(file, report.FirstTimed()));
    if (report.labelled) one["labels"] = ToJson(*report.labelled);
    for (const Advice& advice : report.advice) one["advice"].push_back(ToJson(advice));
    json["cases"].push_back(std::move(one));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace permafrost
