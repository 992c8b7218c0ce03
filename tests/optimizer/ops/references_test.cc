// Kernels and shape rules against what TensorFlow answered (tests/data/ops, made by scripts/make_op_references.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"
#include "optimizer/ops/op.h"
#include "tests/support/places.h"

namespace permafrost {
namespace {

using Json = nlohmann::json;

struct Case {
  std::string name;
  Node node;
  std::vector<Tensor> inputs, outputs;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.node.op << " " << one.name; }

Tensor ReadTensor(const Json& json) {
  const DType dtype = ParseDType(json["dtype"].get<std::string>()).value();
  return Tensor::Of(json["dims"].get<std::vector<int64_t>>(), json["values"].get<std::vector<double>>())
      .Cast(dtype)
      .Dense();
}

Attr ReadAttr(const std::string& type, const Json& value) {
  if (type == "int") return value.get<int64_t>();
  if (type == "float") return value.get<float>();
  if (type == "bool") return value.get<bool>();
  if (type == "string") return value.get<std::string>();
  if (type == "type") return ParseDType(value.get<std::string>()).value();
  if (type == "list(int)") return value.get<std::vector<int64_t>>();
  ADD_FAILURE() << "an attribute of type " << type;
  return int64_t{0};
}

std::vector<Case> ReadCases() {
  std::vector<Case> cases;
  for (const char* family : {"convolution", "pooling", "normalization", "image", "quantization", "resampling"}) {
    std::ifstream file(StrCat(SourceDir(), "/tests/data/ops/", family, ".json"));
    for (const Json& json : Json::parse(file)) {
      Case one;
      one.name = json["name"].get<std::string>();
      one.node.name = one.name;
      one.node.op = json["op"].get<std::string>();
      for (const auto& [name, typed] : json["attrs"].items()) {
        one.node.attrs[name] = ReadAttr(typed.begin().key(), typed.begin().value());
      }
      for (const Json& input : json["inputs"]) one.inputs.push_back(ReadTensor(input));
      for (const Json& output : json["outputs"]) one.outputs.push_back(ReadTensor(output));
      one.node.inputs.resize(one.inputs.size());
      cases.push_back(std::move(one));
    }
  }
  return cases;
}

// How much of the inputs inference is told.
enum class Known { kAll, kNoBatch, kRanks, kNothing };

ValueType TypeOf(const Tensor& tensor, Known known) {
  ValueType type = {tensor.dtype(), tensor.shape(), std::nullopt};
  const bool sizes = IsInteger(tensor.dtype()) && tensor.rank() <= 1;
  if (sizes && known <= Known::kNoBatch) type.ints = tensor.Values<int64_t>();
  if (!sizes && known == Known::kNoBatch && tensor.rank() >= 4) type.shape.set_dim(0, kUnknownDim);
  if (known == Known::kRanks) type.shape = Shape::OfRank(tensor.rank());
  if (known == Known::kNothing) type.shape = Shape();
  return type;
}

StatusOr<std::vector<ValueType>> Infer(const Node& node, const std::vector<Tensor>& inputs, Known known) {
  Graph graph;
  GraphEditor editor(graph);
  Node copy = node;
  copy.inputs.clear();
  for (const Tensor& input : inputs) {
    NodeId id = kNoNode;
    if (IsInteger(input.dtype()) && known <= Known::kNoBatch) {
      id = editor.AddConst("size", input);
    } else {
      Node placeholder;
      placeholder.name = "x";
      placeholder.op = "Placeholder";
      id = editor.AddNode(std::move(placeholder));
    }
    editor.SetOutputTypes(id, {TypeOf(input, known)});
    copy.inputs.push_back({id, 0});
  }
  const NodeId id = editor.AddNode(std::move(copy));
  RETURN_IF_ERROR(InferNode(editor, id));
  return graph.node(id).outputs;
}

// What inference says must be true, even where it says little.
void ExpectTrue(const std::vector<ValueType>& types, const std::vector<Tensor>& outputs) {
  ASSERT_GE(types.size(), outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(NameOf(types[i].dtype), NameOf(outputs[i].dtype())) << "output " << i;
    if (!types[i].shape.has_rank()) continue;
    ASSERT_EQ(types[i].shape.rank(), outputs[i].rank()) << "output " << i;
    for (int axis = 0; axis < outputs[i].rank(); ++axis) {
      if (types[i].shape.dim(axis) >= 0) {
        EXPECT_EQ(types[i].shape.dim(axis), outputs[i].shape().dim(axis)) << "output " << i << ", axis " << axis;
      }
    }
  }
}

class ReferenceTest : public testing::TestWithParam<Case> {};

TEST_P(ReferenceTest, AnswersAsTensorFlowDoes) {
  const auto outputs = EvaluateNode(GetParam().node, GetParam().inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_GE(outputs->size(), GetParam().outputs.size());
  for (size_t i = 0; i < GetParam().outputs.size(); ++i) {
    const Tensor &ours = (*outputs)[i], &theirs = GetParam().outputs[i];
    ASSERT_EQ(NameOf(ours.dtype()), NameOf(theirs.dtype())) << "output " << i;
    ASSERT_EQ(ours.dims(), theirs.dims()) << "output " << i;
    const std::vector<double> a = ours.Values<double>(), b = theirs.Values<double>();
    double largest = 0, worst = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      largest = std::max(largest, std::abs(b[k]));
      worst = std::max(worst, std::isfinite(a[k]) ? std::abs(a[k] - b[k]) : HUGE_VAL);
    }
    const double tolerance = !IsFloating(ours.dtype()) ? 0 : ours.dtype() == DType::kHalf ? 2e-3 : 5e-6;
    EXPECT_LE(worst, tolerance * largest)
        << "output " << i << ": needs " << worst / largest << " of the largest value " << largest << "\nours   "
        << testing::PrintToString(a) << "\ntheirs " << testing::PrintToString(b);
  }
}

TEST_P(ReferenceTest, ItsShapeIsKnownBeforeItRuns) {
  const Case& one = GetParam();
  const auto types = Infer(one.node, one.inputs, Known::kAll);
  ASSERT_TRUE(types.ok()) << types.status();
  ExpectTrue(*types, one.outputs);
  if (one.node.op.starts_with("NonMaxSuppression")) return;  // the number of boxes depends on the data
  for (size_t i = 0; i < one.outputs.size(); ++i) EXPECT_EQ((*types)[i].shape.dims(), one.outputs[i].dims()) << i;
}

TEST_P(ReferenceTest, WhatIsUnknownStaysUnknown) {
  for (Known known : {Known::kNoBatch, Known::kRanks, Known::kNothing}) {
    const auto types = Infer(GetParam().node, GetParam().inputs, known);
    ASSERT_TRUE(types.ok()) << types.status();
    ExpectTrue(*types, GetParam().outputs);
  }
}

// More by hand: PERMAFROST_DAMAGE_ROUNDS=5000 under the sanitizers.
int Rounds() {
  const char* rounds = std::getenv("PERMAFROST_DAMAGE_ROUNDS");
  return rounds != nullptr ? std::atoi(rounds) : 60;
}

// Any node of a damaged file: it is refused, or the kernel gives what inference promised.
TEST_P(ReferenceTest, DamageIsRefusedOrConsistent) {
  std::mt19937 random(static_cast<unsigned>(GetParam().name.size()));
  const auto pick = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  const std::vector<int64_t> hostile = {INT32_MIN, -1, 0, 1, 2, 3, 5, 40, 1 << 30, INT32_MAX};
  const std::vector<int64_t> dims = {0, 1, 2, 3, 4, 6};
  for (int round = 0; round < Rounds(); ++round) {
    Node node = GetParam().node;
    std::vector<Tensor> inputs = GetParam().inputs;
    for (size_t change = 0; change < 1 + pick(2); ++change) {
      Tensor& input = inputs[pick(inputs.size())];
      switch (pick(5)) {
        case 0: {  // another shape
          std::vector<int64_t> shape = input.dims();
          if (pick(2) == 0 || shape.empty()) shape.resize(pick(6), 2);
          if (!shape.empty()) shape[pick(shape.size())] = dims[pick(dims.size())];
          std::vector<double> values(static_cast<size_t>(CheckedElements(shape)), 0.5);
          input = Tensor::Of(shape, values).Cast(input.dtype()).Dense();
          break;
        }
        case 1:
          if (const DType types[] = {DType::kInt32, DType::kFloat64, DType::kHalf, DType::kQUint8}; true) {
            input = input.Cast(types[pick(4)]).Dense();
          }
          break;
        case 2: {  // hostile numbers
          std::vector<double> values = input.Values<double>();
          if (!values.empty()) values[pick(values.size())] = static_cast<double>(hostile[pick(hostile.size())]);
          input = Tensor::Of(input.dims(), values).Cast(input.dtype()).Dense();
          break;
        }
        default:
          if (node.attrs.empty()) break;
          auto at = node.attrs.begin();
          std::advance(at, pick(node.attrs.size()));
          if (auto* list = std::get_if<std::vector<int64_t>>(&at->second); list != nullptr && !list->empty()) {
            (*list)[pick(list->size())] = hostile[pick(hostile.size())];
            if (pick(4) == 0) list->pop_back();
          } else if (std::holds_alternative<int64_t>(at->second)) {
            at->second = hostile[pick(hostile.size())];
          } else if (auto* flag = std::get_if<bool>(&at->second); flag != nullptr && pick(2) == 0) {
            *flag = !*flag;
          } else {
            at->second = std::string("NCHW");
          }
      }
    }
    const auto outputs = EvaluateNode(node, inputs);
    if (!outputs.ok()) {
      EXPECT_FALSE(absl::IsInternal(outputs.status())) << outputs.status();
      continue;
    }
    const auto types = Infer(node, inputs, Known::kAll);
    ASSERT_TRUE(types.ok()) << "evaluated, yet inference refuses: " << types.status();
    ExpectTrue(*types, *outputs);
    if (HasFailure()) FAIL() << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, ReferenceTest, testing::ValuesIn(ReadCases()),
                         [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace permafrost
