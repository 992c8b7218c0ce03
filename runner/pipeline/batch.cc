#include "runner/pipeline/batch.h"

#include <algorithm>

namespace permafrost {

bool CanJoin(const std::vector<const std::vector<NamedArray>*>& feeds) {
  const std::vector<NamedArray>& first = *feeds.front();
  return std::all_of(feeds.begin(), feeds.end(), [&](const std::vector<NamedArray>* feed) {
    if (feed->size() != first.size()) return false;
    for (size_t i = 0; i < first.size(); ++i) {
      const Array& array = (*feed)[i].array;
      const bool alike = (*feed)[i].name == first[i].name && array.type == first[i].array.type &&
                         array.dims == first[i].array.dims && array.bytes.size() == first[i].array.bytes.size();
      if (!alike || array.dims.empty() || array.dims[0] != 1) return false;
    }
    return true;
  });
}

std::vector<NamedArray> Join(const std::vector<const std::vector<NamedArray>*>& feeds, int64_t size) {
  std::vector<NamedArray> joined;
  for (size_t i = 0; i < feeds[0]->size(); ++i) {
    const NamedArray& first = (*feeds[0])[i];
    NamedArray all{first.name, {first.array.type, first.array.dims, {}}};
    all.array.dims[0] = size;
    all.array.bytes.reserve(first.array.bytes.size() * static_cast<size_t>(size));
    for (size_t row = 0; row < static_cast<size_t>(size); ++row) {
      all.array.bytes += (*feeds[std::min(row, feeds.size() - 1)])[i].array.bytes;
    }
    joined.push_back(std::move(all));
  }
  return joined;
}

StatusOr<std::vector<std::vector<NamedArray>>> Split(const std::vector<NamedArray>& outputs, int64_t size,
                                                     int64_t count) {
  std::vector<std::vector<NamedArray>> rows(static_cast<size_t>(count));
  for (const NamedArray& output : outputs) {
    if (output.array.dims.empty() || output.array.dims[0] != size) {
      return InvalidArgument("output \"", output.name, "\" has the shape ", DimsText(output.array.dims),
                             " for a batch of ", size, "; run without --batch");
    }
    const size_t bytes = output.array.bytes.size() / static_cast<size_t>(size);
    for (size_t row = 0; row < rows.size(); ++row) {
      NamedArray one{output.name,
                     {output.array.type, output.array.dims, output.array.bytes.substr(row * bytes, bytes)}};
      one.array.dims[0] = 1;
      rows[row].push_back(std::move(one));
    }
  }
  return rows;
}

}  // namespace permafrost
