#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "optimizer/passes/rewrite.h"

// Reducing and repeating along any axes of data of any rank, in ops that every release takes. Each `Can` says whether
// its `Emit` may be called.
namespace permafrost {

// How the importer lays data out: as TensorFlow counts the axes, or with the channels moved to axis 1.
bool IsPlanar(const Graph& graph, Value value);

// NDHWC data of one channel or of one voxel, which lie the same in the order of NCDHW.
bool LiesTheSame(const Shape& ndhwc);

// A Reshape that also takes NDHWC data, which the importer would leave in the order of NCDHW.
bool CanReshape(const Graph& graph, Value x, const Shape& to);
Value EmitAnyReshape(GraphEditor& editor, std::string_view name, Value x, const Shape& to);

// Mean, Sum or Max over ascending, positive axes, to a result of shape `to` (with or without the dims of 1).
bool CanReduce(const Graph& graph, Value x, const std::vector<int64_t>& axes, const Shape& to);
Value EmitReduction(GraphEditor& editor, std::string_view name, std::string_view op, Value x,
                    const std::vector<int64_t>& axes, const Shape& to);

// x repeated along its dims of 1, as broadcasting would, to a value of shape `to`.
bool CanSpread(const Graph& graph, Value x, const Shape& to);
Value EmitSpread(GraphEditor& editor, std::string_view name, Value x, const Shape& to);

// y[.., m, ..] = sum over k of x[.., k, ..] matrix[k, m]; nullopt where more than one dim is unknown.
std::optional<Value> EmitProductAlong(GraphEditor& editor, std::string_view name, Value x, int axis,
                                      const Tensor& matrix);

}  // namespace permafrost
