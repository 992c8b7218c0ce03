#include "optimizer/ops/families.h"
#include "optimizer/ops/shape_rules.h"

// Lists and arrays of tensors. They have no kernels: unrolling the loops around them takes them out before anything
// runs. The rules say no more than that and which dtype comes out.
namespace permafrost {
namespace {

ValueType Handle(DType dtype) { return {dtype, Shape(), std::nullopt}; }
ValueType Element(const InferContext& context, std::string_view attr) {
  return {context.node().attr_or<DType>(attr, DType::kInvalid), Shape(), std::nullopt};
}
ValueType Flow() { return {DType::kFloat32, Shape({}), std::nullopt}; }
ValueType Count() { return {DType::kInt32, Shape({}), std::nullopt}; }
ValueType Lengths() { return {DType::kInt64, Shape::OfRank(1), std::nullopt}; }

Status InferList(const InferContext&, Types& outputs) {
  outputs = {Handle(DType::kVariant)};
  return OkStatus();
}
Status InferListElement(const InferContext& context, Types& outputs) {
  outputs = {Element(context, "element_dtype")};
  return OkStatus();
}
Status InferPopBack(const InferContext& context, Types& outputs) {
  outputs = {Handle(DType::kVariant), Element(context, "element_dtype")};
  return OkStatus();
}
Status InferJoinedList(const InferContext& context, Types& outputs) {
  outputs = {Element(context, "element_dtype"), Lengths()};
  return OkStatus();
}
Status InferElementShape(const InferContext& context, Types& outputs) {
  outputs = {Element(context, "shape_type")};
  return OkStatus();
}
Status InferArray(const InferContext&, Types& outputs) {
  outputs = {Handle(DType::kResource), Flow()};
  return OkStatus();
}
Status InferArrayElement(const InferContext& context, Types& outputs) {
  outputs = {Element(context, "dtype")};
  return OkStatus();
}
Status InferJoinedArray(const InferContext& context, Types& outputs) {
  outputs = {Element(context, "dtype"), Lengths()};
  return OkStatus();
}
Status InferFlow(const InferContext&, Types& outputs) {
  outputs = {Flow()};
  return OkStatus();
}
Status InferCount(const InferContext&, Types& outputs) {
  outputs = {Count()};
  return OkStatus();
}

OpDef Row(std::string_view name, int inputs, InferFn infer, std::vector<AttrSpec> attrs = {},
          std::vector<std::string_view> output_names = {}) {
  OpDef row{name, inputs, inputs, std::move(attrs), infer, nullptr, std::move(output_names)};
  row.pure = false;
  return row;
}

}  // namespace

std::vector<OpDef> ListOps() {
  const std::vector<AttrSpec> element = {Required("element_dtype")}, dtype = {Required("dtype")};
  std::vector<OpDef> rows = {
      Row("EmptyTensorList", 2, InferList, element),
      Row("TensorListConcat", 1, InferJoinedList, element, {"tensor", "lengths"}),
      Row("TensorListConcatV2", 3, InferJoinedList, element, {"tensor", "lengths"}),
      Row("TensorListElementShape", 1, InferElementShape, {Default("shape_type", DType::kInt32)}),
      Row("TensorListFromTensor", 2, InferList, element),
      Row("TensorListGather", 3, InferListElement, element),
      Row("TensorListGetItem", 3, InferListElement, element),
      Row("TensorListLength", 1, InferCount),
      Row("TensorListPopBack", 2, InferPopBack, element, {"output_handle", "tensor"}),
      Row("TensorListPushBack", 2, InferList, element),
      Row("TensorListReserve", 2, InferList, element),
      Row("TensorListResize", 2, InferList),
      Row("TensorListScatter", 3, InferList, element),
      Row("TensorListScatterIntoExistingList", 3, InferList, element),
      Row("TensorListScatterV2", 4, InferList, element),
      Row("TensorListSetItem", 3, InferList, element),
      Row("TensorListSplit", 3, InferList, element),
      Row("TensorListStack", 2, InferListElement, element),
  };
  for (bool third : {false, true}) {
    const auto name = [&](std::string_view v2, std::string_view v3) { return third ? v3 : v2; };
    rows.push_back(Row(name("TensorArrayV2", "TensorArrayV3"), 1, InferArray, dtype, {"handle", "flow"}));
    rows.push_back(Row(name("TensorArrayCloseV2", "TensorArrayCloseV3"), 1, NoOutputs));
    rows.push_back(Row(name("TensorArrayConcatV2", "TensorArrayConcatV3"), 2, InferJoinedArray, dtype, {"value", "lengths"}));
    rows.push_back(Row(name("TensorArrayGatherV2", "TensorArrayGatherV3"), 3, InferArrayElement, dtype));
    rows.push_back(Row(name("TensorArrayReadV2", "TensorArrayReadV3"), 3, InferArrayElement, dtype));
    rows.push_back(Row(name("TensorArrayScatterV2", "TensorArrayScatterV3"), 4, InferFlow));
    rows.push_back(Row(name("TensorArraySizeV2", "TensorArraySizeV3"), 2, InferCount));
    rows.push_back(Row(name("TensorArraySplitV2", "TensorArraySplitV3"), 4, InferFlow));
    rows.push_back(Row(name("TensorArrayWriteV2", "TensorArrayWriteV3"), 4, InferFlow));
  }
  return rows;
}

}  // namespace permafrost
