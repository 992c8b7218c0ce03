#pragma once

#include <optional>
#include <vector>

#include "optimizer/ops/op.h"

// Shape rules that several ops share, and what rules need to talk about partially known integers.
namespace permafrost {

using Types = std::vector<ValueType>;

// Integer vectors longer than this are not followed.
constexpr int64_t kMaxKnownInts = 1024;

// One output like the first input / of unknown shape and the first input's dtype / a scalar of the first input's dtype.
Status LikeFirstInput(const InferContext& context, Types& outputs);
Status LikeFirstDType(const InferContext& context, Types& outputs);
Status ScalarLikeFirst(const InferContext& context, Types& outputs);
// No outputs.
Status NoOutputs(const InferContext& context, Types& outputs);
// The first input's dtype, all inputs broadcast together; checks that their dtypes agree where known.
Status Broadcasting(const InferContext& context, Types& outputs);
// The same with bool outputs.
Status Comparing(const InferContext& context, Types& outputs);

// dtype attribute `name`, else `fallback`.
DType DTypeAttr(const Node& node, std::string_view name, DType fallback);

// The one known integer behind input i; nullopt when it is not known. Errors: more than one element.
StatusOr<std::optional<int64_t>> KnownInt(const InferContext& context, int i);
// A shape as spelled by input i (Fill, BroadcastTo ...): elements that are not known become unknown dims. Errors:
// negative dims (-1 counts as unknown when `allow_unknown`), rank above 1.
StatusOr<Shape> ShapeFromInput(const InferContext& context, int i, bool allow_unknown = false);
// The dims as integers of a 1-D value.
std::vector<int64_t> IntsFromShape(const Shape& shape);
// Sets `ints` of an int32 or int64 type when they are few, with its shape rank 0 or 1 matching them.
void SetInts(ValueType& type, std::optional<std::vector<int64_t>> ints);

// What is known of a small integer input of known shape, kUnknownInt for each element that is not; nullopt for others.
std::optional<std::vector<int64_t>> IntsOrUnknown(const InferContext& context, int i);

// a + b of known integers in `dtype`; kUnknownInt when either is unknown or the result overflows. And so on.
int64_t AddInts(DType dtype, int64_t a, int64_t b);
int64_t SubInts(DType dtype, int64_t a, int64_t b);
int64_t MulInts(DType dtype, int64_t a, int64_t b);

// a + b of dims, unknown if either is or on overflow.
int64_t AddDims(int64_t a, int64_t b);

Status CheckRank(const InferContext& context, int i, int rank);  // of input i, where known

}  // namespace permafrost
