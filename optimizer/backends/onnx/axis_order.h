#pragma once

#include <algorithm>
#include <vector>

#include "optimizer/backends/onnx/conversion.h"

// What becomes of the order of axes when some go away or are added.
namespace permafrost {

// -1 counts from the end.
inline int PositiveAxis(int64_t axis, int rank) { return static_cast<int>(axis < 0 ? axis + rank : axis); }

// The order that is left when TensorFlow's axes `dropped` (sorted) go.
inline AxisOrder WithoutAxes(const AxisOrder& order, const std::vector<int>& dropped) {
  AxisOrder left;
  for (int axis : order) {
    if (std::binary_search(dropped.begin(), dropped.end(), axis)) continue;
    const auto before = std::lower_bound(dropped.begin(), dropped.end(), axis) - dropped.begin();
    left.push_back(axis - static_cast<int>(before));
  }
  return left;
}

// Where TensorFlow's axes lie.
inline std::vector<int64_t> PositionsOf(const AxisOrder& order, const std::vector<int>& axes) {
  std::vector<int64_t> positions;
  for (int axis : axes) positions.push_back(PositionOf(order, axis));
  return positions;
}

// One value per TensorFlow axis, as ONNX counts them.
template <class T>
std::vector<T> InOrder(const AxisOrder& order, const std::vector<T>& per_axis) {
  std::vector<T> turned;
  for (int axis : order) turned.push_back(per_axis[static_cast<size_t>(axis)]);
  return turned;
}

// Dims with ones put in so that they stand at `places` of the result (sorted).
inline std::vector<int64_t> InsertedOnes(std::vector<int64_t> dims, const std::vector<int64_t>& places) {
  for (int64_t place : places) dims.insert(dims.begin() + place, 1);
  return dims;
}

// A new axis of size 1 at each of TensorFlow's axes `added` of the result (sorted). In planar data it goes where the
// result is planar again; fills the places in which Unsqueeze has to put them.
inline AxisOrder WithAxes(const AxisOrder& order, const std::vector<int>& added, std::vector<int64_t>& places) {
  AxisOrder kept;  // the old axes under their new numbers
  for (int axis : order) {
    int number = axis;
    for (int one : added) number += one <= number;
    kept.push_back(number);
  }
  const int rank = static_cast<int>(order.size() + added.size());
  for (const AxisOrder& wanted : {PlanarOrder(rank), PlainOrder(rank)}) {
    AxisOrder left;
    std::vector<int64_t> at;
    for (int i = 0; i < rank; ++i) {
      const int axis = wanted[static_cast<size_t>(i)];
      if (std::binary_search(added.begin(), added.end(), axis)) {
        at.push_back(i);
      } else {
        left.push_back(axis);
      }
    }
    // Plain data become planar only where that is the same.
    const bool was_planar = !IsPlainOrder(order);
    if (left == kept && (was_planar || IsPlainOrder(wanted))) {
      places = at;
      return wanted;
    }
  }
  AxisOrder result;
  places.clear();
  for (size_t i = 0; i < added.size(); ++i) {
    result.push_back(added[i]);
    places.push_back(static_cast<int64_t>(i));
  }
  result.insert(result.end(), kept.begin(), kept.end());
  return result;
}

}  // namespace permafrost
