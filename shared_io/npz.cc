#include "shared_io/npz.h"

#include <isa-l/crc.h>

#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"
#include "optimizer/support/zip_archive.h"
#include "shared_io/npy.h"

namespace permafrost {
namespace {

constexpr std::string_view kSuffix = ".npy";

void Put(std::string& out, uint64_t number, int width) {
  for (int i = 0; i < width; ++i) out += static_cast<char>(number >> (8 * i) & 255);
}

// What the local header and the directory's entry share: from the version to the length of the extra field.
std::string Description(const std::string& bytes, const std::string& name) {
  const uint32_t crc = crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  std::string out;
  Put(out, 20, 2);     // version needed
  Put(out, 0x800, 2);  // names are UTF-8
  Put(out, 0, 2);      // stored
  Put(out, 0, 2);      // time
  Put(out, 0x21, 2);   // 1 January 1980: the same arrays give the same bytes
  Put(out, crc, 4);
  Put(out, bytes.size(), 4);
  Put(out, bytes.size(), 4);
  Put(out, name.size(), 2);
  Put(out, 0, 2);
  return out;
}

}  // namespace

StatusOr<NamedArrays> ParseNpz(std::string_view bytes, uint64_t most_bytes) {
  ASSIGN_OR_RETURN(const std::vector<ZipEntry> entries, ListZip(bytes));
  NamedArrays arrays;
  for (const ZipEntry& entry : entries) {
    std::string name = entry.name;
    if (name.size() <= kSuffix.size() || !std::string_view(name).ends_with(kSuffix)) {
      return InvalidArgument("npz: holds '", name, "'; expected .npy files only");
    }
    ASSIGN_OR_RETURN(const std::string unpacked, Unpack(entry, most_bytes));
    most_bytes -= unpacked.size();
    auto array = ParseNpy(unpacked);
    if (!array.ok()) return WithContext(array.status(), StrCat("npz: '", name, "'"));
    name.resize(name.size() - kSuffix.size());
    arrays.emplace_back(std::move(name), std::move(array).value());
  }
  return arrays;
}

StatusOr<NamedArrays> ReadNpz(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  auto arrays = ParseNpz(file->bytes());
  if (!arrays.ok()) return WithContext(arrays.status(), path);
  return arrays;
}

StatusOr<std::string> NpzBytes(const NamedArrays& arrays) {
  std::string out, directory;
  for (const auto& [name, array] : arrays) {
    ASSIGN_OR_RETURN(const std::string bytes, NpyBytes(array));
    const std::string member = name + std::string(kSuffix);
    if (out.size() + bytes.size() + directory.size() > UINT32_MAX - (1U << 20) || member.size() > 60000) {
      return ResourceExhausted("npz: 4 GB or more; write .npy files");
    }
    const std::string description = Description(bytes, member);
    directory += "PK\x01\x02";
    Put(directory, 20, 2);
    directory += description;
    Put(directory, 0, 8);  // no comment, first disk, no attributes
    Put(directory, 0, 2);
    Put(directory, out.size(), 4);
    directory += member;
    out += "PK\x03\x04" + description + member + bytes;
  }
  const size_t offset = out.size();
  out += directory + "PK\x05\x06";
  Put(out, 0, 4);
  Put(out, arrays.size(), 2);
  Put(out, arrays.size(), 2);
  Put(out, directory.size(), 4);
  Put(out, offset, 4);
  Put(out, 0, 2);
  return out;
}

Status WriteNpz(const std::string& path, const NamedArrays& arrays) {
  auto bytes = NpzBytes(arrays);
  if (!bytes.ok()) return WithContext(bytes.status(), path);
  return WriteFileAtomically(path, *bytes);
}

}  // namespace permafrost
