#include "optimizer/backends/onnx/emit_onnx.h"

#include <gtest/gtest.h>

#include "optimizer/backends/onnx/convert_to_onnx.h"
#include "permafrost/onnx.pb.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

StatusOr<std::string> Emit(std::string_view text) {
  std::vector<OnnxRefusal> refused;
  ASSIGN_OR_RETURN(const OnnxModel model, ConvertToOnnx(ParseOrDie(text), {}, refused));
  OnnxFileOptions options;
  options.graph_name = "net";
  options.properties = [] { return std::vector<std::pair<std::string, std::string>>{{"permafrost.source", "net.pb"}}; };
  std::string bytes;
  RETURN_IF_ERROR(EmitOnnx(model.graph, options, [&](std::string_view piece) {
    bytes += piece;
    return OkStatus();
  }));
  return bytes;
}

onnx::ModelProto Parse(std::string_view text) {
  onnx::ModelProto model;
  const auto bytes = Emit(text);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_TRUE(bytes.ok() && model.ParseFromString(*bytes));
  return model;
}

constexpr char kText[] = R"(in x:float32[?,4,4,2]; k = float32[1,1,2,3]{1,2,3,4,5,6};
  c = Conv2D(x, k) {strides=[1,1,1,1], padding="VALID", data_format="NHWC"}; y = Relu6(c); out y)";

TEST(EmitOnnx, WritesWhatTheFormatAsksFor) {
  const onnx::ModelProto model = Parse(kText);
  EXPECT_EQ(model.ir_version(), 5);
  EXPECT_EQ(model.producer_name(), "permafrost");
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.opset_import(0).version(), 10);
  ASSERT_EQ(model.metadata_props_size(), 1);
  EXPECT_EQ(model.metadata_props(0).value(), "net.pb");
  ASSERT_EQ(model.graph().input_size(), 1);
  const onnx::ShapeProto& shape = model.graph().input(0).type().tensor_type().shape();
  ASSERT_EQ(shape.dim_size(), 4);
  EXPECT_EQ(shape.dim(0).symbol(), "batch");
  EXPECT_EQ(shape.dim(1).size(), 2);
  ASSERT_EQ(model.graph().output_size(), 1);
  EXPECT_EQ(model.graph().output(0).name(), "y");
}

TEST(EmitOnnx, StreamsWeightsInTheOrderOfOnnx) {
  const onnx::ModelProto model = Parse(kText);
  ASSERT_EQ(model.graph().initializer_size(), 1);
  const onnx::TensorProto& kernel = model.graph().initializer(0);
  EXPECT_EQ(std::vector<int64_t>(kernel.dims().begin(), kernel.dims().end()), (std::vector<int64_t>{3, 2, 1, 1}));
  ASSERT_EQ(kernel.raw_data().size(), 6 * sizeof(float));
  std::vector<float> values(6);
  std::memcpy(values.data(), kernel.raw_data().data(), kernel.raw_data().size());
  EXPECT_EQ(values, (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(EmitOnnx, WritesAttributesThatAreZero) {
  const onnx::ModelProto model = Parse(kText);
  ASSERT_EQ(model.graph().node_size(), 2);
  for (const onnx::AttributeProto& attribute : model.graph().node(1).attribute()) {
    EXPECT_EQ(attribute.type(), onnx::AttributeProto::FLOAT);
    EXPECT_TRUE(attribute.has_f()) << attribute.name() << ": OpenCV asks whether it is there";
  }
}

TEST(EmitOnnx, PutsLargeWeightsIntoAFileOfTheirOwn) {
  std::vector<OnnxRefusal> refused;
  const auto converted =
      ConvertToOnnx(ParseOrDie("in x:float32[2,40]; v = float32[40,40]~1; w = float32[40,10]~2; s = float32[10]~3; "
                               "a = MatMul(x, v); b = MatMul(a, w); y = Add(b, s); out y"),
                    {}, refused);
  ASSERT_TRUE(converted.ok()) << converted.status();
  OnnxFileOptions options;
  options.properties = [] { return std::vector<std::pair<std::string, std::string>>(); };
  options.external_name = "net.onnx.data";
  std::string bytes, data;
  options.external = [&](std::string_view piece) {
    data += piece;
    return OkStatus();
  };
  ASSERT_TRUE(EmitOnnx(converted->graph, options, [&](std::string_view piece) {
                bytes += piece;
                return OkStatus();
              }).ok());
  EXPECT_EQ(data.size(), 8192U + 40 * 10 * 4) << "each from a page on";
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(bytes));
  ASSERT_EQ(model.graph().initializer_size(), 3);
  int inside = 0;
  for (const onnx::TensorProto& weights : model.graph().initializer()) inside += !weights.raw_data().empty();
  EXPECT_EQ(inside, 1) << "the small one";
  EXPECT_NE(bytes.find("net.onnx.data"), std::string::npos);
}

TEST(EmitOnnx, GivesTheSameBytesAgain) { EXPECT_EQ(*Emit(kText), *Emit(kText)); }

}  // namespace
}  // namespace permafrost
