#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "optimizer/pipeline/inspect.h"
#include "optimizer/support/version.h"
#include "optimizer/tool/console.h"

namespace permafrost {
namespace {

using Json = nlohmann::ordered_json;

void PrintTensors(const char* title, const std::vector<InspectedTensor>& tensors, size_t most) {
  if (tensors.empty()) return;
  std::cout << title << " (" << tensors.size() << ")\n";
  for (size_t i = 0; i < tensors.size() && i < most; ++i) {
    const InspectedTensor& tensor = tensors[i];
    std::cout << "  " << tensor.name << "  " << tensor.op << "  " << tensor.dtype << tensor.shape << "\n";
  }
  if (tensors.size() > most) std::cout << "  ... and " << tensors.size() - most << " more (--json lists all)\n";
}

std::string Describe(const SignatureTensor& tensor) {
  return StrCat(tensor.alias, "  ", tensor.tensor.empty() ? "(no dense tensor)" : tensor.tensor, "  ", NameOf(tensor.dtype),
                tensor.shape.ToString());
}

void PrintSignatures(const std::vector<Signature>& signatures) {
  if (signatures.empty()) return;
  std::cout << "signatures (" << signatures.size() << ")\n";
  for (const Signature& signature : signatures) {
    std::cout << "  " << signature.name << (signature.method.empty() ? "" : "  ") << signature.method << "\n";
    for (const SignatureTensor& input : signature.inputs) std::cout << "    in   " << Describe(input) << "\n";
    for (const SignatureTensor& output : signature.outputs) std::cout << "    out  " << Describe(output) << "\n";
  }
}

void Print(const std::string& path, const Inspection& found) {
  std::cout << path << ": " << NameOf(found.format) << ", " << HumanBytes(found.figures.bytes) << ", "
            << WithCommas(found.figures.nodes) << " nodes (" << WithCommas(found.figures.ops) << " ops), "
            << WithCommas(found.figures.parameters) << " parameters, " << WithCommas(found.control_edges)
            << " control edges, " << found.functions << " functions\n";
  PrintSignatures(found.signatures);
  PrintTensors("placeholders", found.placeholders, 20);
  PrintTensors("variables", found.variables, 10);
  PrintTensors("inputs", found.inputs, 20);
  PrintTensors("probable outputs", found.outputs, 20);
  std::vector<std::pair<std::string, int64_t>> ops(found.op_counts.begin(), found.op_counts.end());
  std::stable_sort(ops.begin(), ops.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::cout << "ops\n ";
  for (const auto& [op, count] : ops) std::cout << " " << op << " " << count;
  std::cout << "\n";
  if (found.cost) {
    std::printf("one run   %.3f GFLOP, %s of weights, at most %s of values at a time (batch 1%s)\n",
                static_cast<double>(found.cost->flops) / 1e9, HumanBytes(found.cost->weight_bytes).c_str(),
                HumanBytes(found.cost->peak_value_bytes).c_str(),
                found.cost->unknown_shapes > 0 ? "; lower bounds, some shapes are unknown" : "");
    std::fflush(stdout);
  }
  if (!found.unknown_ops.empty()) {
    std::cout << "unknown ops\n ";
    for (const std::string& op : found.unknown_ops) std::cout << " " << op;
    std::cout << "\n";
  }
  if (found.refused.empty()) {
    std::cout << "OpenCV takes the ops of this file as they are\n";
  } else {
    std::cout << "OpenCV refuses or gets wrong, as the file is\n";
    for (const auto& [reason, count] : found.refused) std::cout << "  " << count << " x " << reason << "\n";
  }
  if (!found.problem.empty()) {
    std::cout << "problem   " << found.problem << "\n";
    return;
  }
  for (const std::string& note : found.notes) std::cout << "note      " << note << "\n";
  if (found.refused_after_optimizing.empty()) {
    std::cout << "after optimizing OpenCV takes all of it\n";
  } else {
    std::cout << "after optimizing it still refuses\n";
    for (const std::string& reason : found.refused_after_optimizing) std::cout << "  " << reason << "\n";
  }
  std::cout << "\n" << found.optimize_command << "\n" << found.bench_command << "\n";
}

Json ToJson(const std::vector<InspectedTensor>& tensors) {
  Json list = Json::array();
  for (const InspectedTensor& tensor : tensors) {
    list.push_back({{"name", tensor.name}, {"op", tensor.op}, {"dtype", tensor.dtype}, {"shape", tensor.shape}});
  }
  return list;
}

Json ToJson(const std::vector<SignatureTensor>& tensors) {
  Json list = Json::array();
  for (const SignatureTensor& tensor : tensors) {
    list.push_back({{"alias", tensor.alias},
                    {"tensor", tensor.tensor},
                    {"dtype", NameOf(tensor.dtype)},
                    {"shape", tensor.shape.ToString()}});
  }
  return list;
}

Json ToJson(const std::vector<Signature>& signatures) {
  Json list = Json::array();
  for (const Signature& signature : signatures) {
    list.push_back({{"name", signature.name},
                    {"method", signature.method},
                    {"inputs", ToJson(signature.inputs)},
                    {"outputs", ToJson(signature.outputs)}});
  }
  return list;
}

void PrintJson(const std::string& path, const Inspection& found) {
  Json json;
  json["model"] = path;
  json["format"] = NameOf(found.format);
  json["bytes"] = found.figures.bytes;
  json["nodes"] = found.figures.nodes;
  json["ops"] = found.figures.ops;
  json["parameters"] = found.figures.parameters;
  json["control_edges"] = found.control_edges;
  json["functions"] = found.functions;
  json["signatures"] = ToJson(found.signatures);
  json["placeholders"] = ToJson(found.placeholders);
  json["variables"] = ToJson(found.variables);
  json["inputs"] = ToJson(found.inputs);
  json["outputs"] = ToJson(found.outputs);
  json["op_counts"] = found.op_counts;
  json["unknown_ops"] = found.unknown_ops;
  if (found.cost) {
    json["flops"] = found.cost->flops;
    json["weight_bytes"] = found.cost->weight_bytes;
    json["peak_value_bytes"] = found.cost->peak_value_bytes;
    json["unknown_shapes"] = found.cost->unknown_shapes;
  }
  json["refused"] = found.refused;
  json["refused_after_optimizing"] = found.refused_after_optimizing;
  json["notes"] = found.notes;
  json["problem"] = found.problem;
  json["optimize_command"] = found.optimize_command;
  json["bench_command"] = found.bench_command;
  std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

int Main(int argc, char** argv) {
  OptimizeOptions options;
  std::string inputs, outputs;
  bool json = false;
  CLI::App app("Says what a model file holds and what OpenCV will make of it.");
  app.set_version_flag("--version", std::string(Version()));
  app.add_option("model", options.model, "The model: a file, a SavedModel's folder, a checkpoint with its graph")->required();
  app.add_option("--checkpoint", options.open.checkpoint, "Where variables get their values: prefix, folder or file");
  app.add_option("--tags", options.open.tags, "The tags of a SavedModel's graph, separated by commas (default: serve)");
  app.add_option("--signature", options.signature, "The signature whose inputs and outputs are meant (default: serving_default)");
  app.add_option("--inputs", inputs, "name[:port][:1x224x224x3][:float32],... as permafrost-optimize takes them");
  app.add_option("--outputs", outputs, "name[:port],...");
  app.add_flag("--json", json, "Print as JSON");
  app.add_option("--max-tensor-bytes", options.limits.max_tensor_bytes, "Refuse larger constants")->capture_default_str();
  app.add_option("--max-nodes", options.limits.max_nodes, "Refuse larger graphs")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  auto input_specs = ParseInputSpecs(inputs);
  auto output_specs = ParseOutputSpecs(outputs);
  for (const Status& status : {input_specs.status(), output_specs.status()}) {
    if (status.ok()) continue;
    Fail("permafrost-inspect", status);
    return kUsage;
  }
  options.inputs = *std::move(input_specs);
  options.outputs = *std::move(output_specs);
  const auto found = Inspect(options);
  if (!found.ok()) return Fail("permafrost-inspect", found.status());
  if (json) {
    PrintJson(options.model, *found);
  } else {
    Print(options.model, *found);
  }
  return 0;
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) { return permafrost::Guarded("permafrost-inspect", permafrost::Main, argc, argv); }
