#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/dtype.h"
#include "optimizer/support/status.h"

namespace permafrost::keras {

struct ListedDataset {
  std::string path;
  DType dtype = DType::kInvalid;
  std::vector<int64_t> dims;
  int64_t offset = -1;  // of the elements in the file; -1: they are in `bytes`
  std::string bytes;
};

struct ListedGroup {
  std::string path;
  std::vector<std::pair<std::string, std::vector<std::string>>> attributes;
};

// What is in an HDF5 file, in the form in which a child process reports it.
struct Hdf5Listing {
  std::vector<ListedGroup> groups;
  std::vector<ListedDataset> datasets;
};

// Elements go as they are packed: they are not held twice.
std::string Pack(Hdf5Listing listing);
// Trusts no byte: a child that a damaged file led astray may have written anything.
StatusOr<Hdf5Listing> Unpack(std::string_view packed);

// To be called in a child process: the HDF5 library may crash here.
StatusOr<Hdf5Listing> ListHdf5(std::string_view file);

}  // namespace permafrost::keras
