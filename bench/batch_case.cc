#include "bench/batch_case.h"

namespace permafrost {
namespace {

constexpr int64_t kMostBytes = int64_t{4} << 30;

Status SetRows(int64_t from, int64_t to, Array& array) {
  if (array.dims.empty() || array.dims[0] != from) {
    return InvalidArgument("has the shape ", DimsText(array.dims), ", expected a batch of ", from, " in front");
  }
  const int64_t row_bytes = static_cast<int64_t>(array.bytes.size()) / from;
  if (row_bytes > kMostBytes / to) return ResourceExhausted("a batch of ", to, " takes more than ", kMostBytes, " bytes");
  std::string bytes;
  bytes.reserve(static_cast<size_t>(row_bytes * to));
  for (int64_t row = 0; row < to; ++row) {
    bytes.append(array.bytes, static_cast<size_t>(row % from * row_bytes), static_cast<size_t>(row_bytes));
  }
  array.bytes = std::move(bytes);
  array.dims[0] = to;
  return OkStatus();
}

}  // namespace

StatusOr<ModelCase> WithBatch(const ModelCase& model, int64_t batch) {
  if (batch == 0) return model;
  if (model.inputs.empty() || model.inputs[0].dims.empty() || model.inputs[0].dims[0] < 1) {
    return InvalidArgument(model.name, ": batch ", batch, ": the first input has no batch");
  }
  const int64_t from = model.inputs[0].dims[0];
  if (from == batch) return model;
  ModelCase result = model;
  const auto set_all = [&](const std::vector<std::string>& names, std::vector<Array>& arrays) -> Status {
    for (size_t i = 0; i < arrays.size(); ++i) {
      RETURN_IF_ERROR(WithContext(SetRows(from, batch, arrays[i]), StrCat(model.name, ": batch ", batch, ": ", names[i])));
    }
    return OkStatus();
  };
  RETURN_IF_ERROR(set_all(model.input_names, result.inputs));
  RETURN_IF_ERROR(set_all(model.output_names, result.outputs));
  return result;
}

}  // namespace permafrost
