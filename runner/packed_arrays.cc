#include "runner/packed_arrays.h"

#include <cstring>
#include <utility>

#include "shared_io/npy.h"

namespace permafrost {
namespace {

// Each name and .npy with its length before it.
void Pack(std::string_view bytes, std::string& out) {
  const uint64_t size = bytes.size();
  out.append(reinterpret_cast<const char*>(&size), sizeof(size));
  out.append(bytes);
}

bool Unpack(std::string_view& from, std::string_view& bytes) {
  uint64_t size = 0;
  if (from.size() < sizeof(size)) return false;
  std::memcpy(&size, from.data(), sizeof(size));
  from.remove_prefix(sizeof(size));
  if (size > from.size()) return false;
  bytes = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

}  // namespace

StatusOr<std::string> PackArrays(const std::vector<NamedArray>& arrays) {
  std::string bytes;
  for (const NamedArray& array : arrays) {
    ASSIGN_OR_RETURN(const std::string npy, NpyBytes(array.array));
    Pack(array.name, bytes);
    Pack(npy, bytes);
  }
  return bytes;
}

StatusOr<std::vector<NamedArray>> UnpackArrays(std::string_view bytes) {
  std::vector<NamedArray> arrays;
  std::string_view name, npy;
  while (!bytes.empty()) {
    if (!Unpack(bytes, name) || !Unpack(bytes, npy)) return Internal("a torn answer from the child process");
    ASSIGN_OR_RETURN(Array array, ParseNpy(npy));
    arrays.push_back({std::string(name), std::move(array)});
  }
  return arrays;
}

}  // namespace permafrost
