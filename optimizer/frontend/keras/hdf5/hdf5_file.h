#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/tensor.h"
#include "optimizer/support/limits.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost::keras {

// What a Keras file keeps in HDF5. Paths have no slash in front: "model_weights/conv1"; the root is "".
struct Hdf5File {
  using Attributes = std::map<std::string, std::vector<std::string>, std::less<>>;  // strings; other kinds are left out
  std::map<std::string, Attributes, std::less<>> groups;
  std::map<std::string, Tensor, std::less<>> datasets;

  const std::vector<std::string>* Attribute(std::string_view group, std::string_view name) const;
  // A list of strings, put together from the pieces name0, name1 ... where it was too long for one attribute.
  std::vector<std::string> ListAttribute(std::string_view group, std::string_view name) const;
};

// Reads HDF5 bytes. The library does so in a child process, because it crashes on damaged files; datasets that lie in one
// piece are views into `owner`, the others (chunked, compressed) are copied. With `owner` null all are copied.
// What an optimizer left behind (groups optimizer_weights and optimizer) is passed over. Errors: damaged, links that go in
// circles or leave the file, data outside of it, types that are no numbers.
StatusOr<Hdf5File> ReadHdf5(std::string_view bytes, std::shared_ptr<const MappedFile> owner, const Limits& limits);

bool IsHdf5(std::string_view bytes);

}  // namespace permafrost::keras
