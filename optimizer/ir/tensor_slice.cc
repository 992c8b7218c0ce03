#include "optimizer/ir/tensor_slice.h"

#include <charconv>

namespace permafrost {
namespace {

// Calls `row` for each run of elements that lies together in the whole and in the box: offset in the whole, offset in
// the box, count.
template <class Row>
void ForEachRow(const std::vector<int64_t>& dims, const TensorSlice& slice, const Row& row) {
  if (CheckedElements(slice.length) <= 0) return;
  const size_t rank = dims.size();
  if (rank == 0) return row(int64_t{0}, int64_t{0}, int64_t{1});
  std::vector<int64_t> stride(rank, 1), index(rank, 0);
  for (size_t i = rank; i-- > 1;) stride[i - 1] = stride[i] * dims[i];
  const int64_t count = slice.length.back();
  for (int64_t inside = 0;; inside += count) {
    int64_t offset = 0;
    for (size_t i = 0; i < rank; ++i) offset += (slice.start[i] + index[i]) * stride[i];
    row(offset, inside, count);
    size_t axis = rank - 1;
    while (axis > 0 && ++index[axis - 1] == slice.length[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

bool Overlap(const TensorSlice& a, const TensorSlice& b) {
  for (size_t i = 0; i < a.start.size(); ++i) {
    if (a.start[i] + a.length[i] <= b.start[i] || b.start[i] + b.length[i] <= a.start[i]) return false;
  }
  return true;
}

bool TakeNumber(std::string_view& text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

StatusOr<TensorSlice> ResolveSlice(const TensorSlice& slice, const std::vector<int64_t>& dims) {
  if (slice.start.size() != dims.size() || slice.length.size() != dims.size()) {
    return DataLoss("a slice of rank ", slice.start.size(), " of a tensor of shape ", Shape(dims).ToString());
  }
  TensorSlice resolved = slice;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (resolved.length[i] == TensorSlice::kWhole) {
      resolved.start[i] = 0;
      resolved.length[i] = dims[i];
    }
    const int64_t start = resolved.start[i], length = resolved.length[i];
    if (start < 0 || length < 0 || start > dims[i] || length > dims[i] - start) {
      return DataLoss("a slice takes ", length, " from ", start, " on axis ", i, " of a tensor of shape ",
                      Shape(dims).ToString());
    }
  }
  return resolved;
}

StatusOr<SliceSpec> ParseSliceSpec(std::string_view text) {
  const Status invalid =
      InvalidArgument("slice '", text, "': expected dims and a range per axis, such as '10 4 0,5:-'");
  SliceSpec spec;
  const size_t last = text.rfind(' ');
  if (last == std::string_view::npos) return invalid;
  std::string_view dims = text.substr(0, last), ranges = text.substr(last + 1);
  while (!dims.empty()) {
    int64_t dim = 0;
    if (!TakeNumber(dims, dim) || (!dims.empty() && dims[0] != ' ')) return invalid;
    if (!dims.empty()) dims.remove_prefix(1);
    spec.dims.push_back(dim);
  }
  for (bool more = true; more;) {
    int64_t start = 0, length = TensorSlice::kWhole;
    if (ranges.starts_with('-')) {
      ranges.remove_prefix(1);
    } else {
      if (!TakeNumber(ranges, start) || !ranges.starts_with(',')) return invalid;
      ranges.remove_prefix(1);
      if (!TakeNumber(ranges, length)) return invalid;
    }
    spec.slice.start.push_back(start);
    spec.slice.length.push_back(length);
    more = ranges.starts_with(':');
    if (more) ranges.remove_prefix(1);
  }
  if (!ranges.empty() || spec.dims.size() != spec.slice.start.size()) return invalid;
  return spec;
}

Tensor CutSlice(const Tensor& whole, const TensorSlice& slice) {
  const auto size = static_cast<size_t>(SizeOf(whole.dtype()));
  std::string bytes(static_cast<size_t>(CheckedElements(slice.length)) * size, '\0');
  ForEachRow(whole.dims(), slice, [&](int64_t from, int64_t to, int64_t count) {
    whole.Read(from, count, bytes.data() + static_cast<size_t>(to) * size);
  });
  return Tensor::Buffer(whole.dtype(), slice.length, std::move(bytes));
}

StatusOr<Tensor> JoinSlices(DType dtype, const std::vector<int64_t>& dims, const std::vector<TensorPiece>& pieces) {
  constexpr size_t kMostPieces = 4096;
  if (pieces.size() > kMostPieces)
    return ResourceExhausted("a tensor in ", pieces.size(), " slices, at most ", kMostPieces);
  const auto size = static_cast<size_t>(SizeOf(dtype));
  if (size == 0) return Unsupported("slices of dtype ", NameOf(dtype));
  const int64_t elements = CheckedElements(dims);
  int64_t covered = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const TensorPiece& piece = pieces[i];
    if (piece.tensor.dtype() != dtype || piece.tensor.dims() != piece.slice.length) {
      return DataLoss("a slice is a ", NameOf(piece.tensor.dtype()), piece.tensor.shape().ToString(), ", expected ",
                      NameOf(dtype), Shape(piece.slice.length).ToString());
    }
    if (piece.tensor.elements() == 0) continue;
    for (size_t j = 0; j < i; ++j) {
      if (pieces[j].tensor.elements() > 0 && Overlap(piece.slice, pieces[j].slice))
        return DataLoss("two slices overlap");
    }
    covered += piece.tensor.elements();
  }
  if (covered != elements) return DataLoss("the slices hold ", covered, " elements of ", elements);
  std::string bytes(static_cast<size_t>(elements) * size, '\0');
  for (const TensorPiece& piece : pieces) {
    ForEachRow(dims, piece.slice, [&](int64_t to, int64_t from, int64_t count) {
      piece.tensor.Read(from, count, bytes.data() + static_cast<size_t>(to) * size);
    });
  }
  return Tensor::Buffer(dtype, dims, std::move(bytes));
}

}  // namespace permafrost
