#include "optimizer/support/zip_archive.h"

#include <isa-l/crc.h>
#include <zlib.h>

#include <algorithm>
#include <optional>
#include <set>

namespace permafrost {
namespace {

constexpr std::string_view kEnd = "PK\x05\x06", kEntry = "PK\x01\x02", kLocal = "PK\x03\x04", kEnd64 = "PK\x06\x06",
                           kLocator64 = "PK\x06\x07";
constexpr size_t kEndBytes = 22, kEntryBytes = 46, kLocalBytes = 30, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr size_t kMaxEntries = 10'000;
constexpr uint64_t kSmall = uint64_t{64} << 20;  // unpacked, nobody minds
constexpr uint64_t kMostExpansion = 100;         // of what is larger: weights hardly shrink
constexpr size_t kChunk = 1 << 20;
constexpr uint16_t kStored = 0, kDeflated = 8, kEncrypted = 1, kZip64Extra = 1;

uint64_t Number(std::string_view bytes, size_t at, size_t width) {
  uint64_t number = 0;
  for (size_t i = width; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

// `count` bytes at `offset`, or nothing when they are not all there.
std::optional<std::string_view> Slice(std::string_view bytes, uint64_t offset, uint64_t count) {
  if (offset > bytes.size() || count > bytes.size() - offset) return std::nullopt;
  return bytes.substr(offset, count);
}

Status Damaged(std::string_view what) {
  return DataLoss("is a damaged zip archive: ", what, "; copy or download the file again");
}

struct Directory {
  uint64_t entries = 0, bytes = 0, offset = 0;
};

StatusOr<Directory> FindDirectory(std::string_view archive) {
  const size_t reach = std::min<size_t>(archive.size(), kEndBytes + UINT16_MAX);
  const size_t at = archive.substr(archive.size() - reach).rfind(kEnd);
  const size_t end = archive.size() - reach + at;
  if (at == std::string_view::npos || archive.size() - end < kEndBytes) return Damaged("its directory is missing");
  Directory directory{Number(archive, end + 10, 2), Number(archive, end + 12, 4), Number(archive, end + 16, 4)};
  if (directory.entries != UINT16_MAX && directory.bytes != UINT32_MAX && directory.offset != UINT32_MAX) {
    return directory;
  }
  if (end < kLocator64Bytes) return directory;
  const std::string_view locator = archive.substr(end - kLocator64Bytes, kLocator64Bytes);
  if (!locator.starts_with(kLocator64)) return directory;
  const auto wide = Slice(archive, Number(locator, 8, 8), kEnd64Bytes);
  if (!wide || !wide->starts_with(kEnd64)) return Damaged("its 64-bit directory is missing");
  return Directory{Number(*wide, 32, 8), Number(*wide, 40, 8), Number(*wide, 48, 8)};
}

// Sizes that do not fit into 32 bits stand in an extra field, in this order, only those that do not fit.
Status ReadWideSizes(std::string_view extra, uint64_t& size, uint64_t& packed, uint64_t& offset) {
  while (extra.size() >= 4) {
    const uint64_t id = Number(extra, 0, 2), bytes = Number(extra, 2, 2);
    const auto field = Slice(extra, 4, bytes);
    if (!field) return Damaged("an extra field is cut off");
    if (id == kZip64Extra) {
      size_t at = 0;
      for (uint64_t* number : {&size, &packed, &offset}) {
        if (*number != UINT32_MAX) continue;
        if (at + 8 > field->size()) return Damaged("a 64-bit size is cut off");
        *number = Number(*field, at, 8);
        at += 8;
      }
    }
    extra.remove_prefix(4 + bytes);
  }
  return OkStatus();
}

bool LeavesArchive(std::string_view name) {
  if (name.empty() || name[0] == '/' || name.find('\\') != std::string_view::npos) return true;
  if (name.size() > 1 && name[1] == ':') return true;
  while (!name.empty()) {
    const size_t slash = std::min(name.find('/'), name.size());
    if (name.substr(0, slash) == "..") return true;
    name.remove_prefix(std::min(name.size(), slash + 1));
  }
  return false;
}

StatusOr<ZipEntry> ReadEntry(std::string_view archive, std::string_view header, std::string_view name,
                             std::string_view extra) {
  ZipEntry entry;
  entry.name = std::string(name);
  if (LeavesArchive(name)) return InvalidArgument("holds '", name, "', a name that leads out of the archive");
  const uint64_t flags = Number(header, 8, 2), method = Number(header, 10, 2);
  entry.crc32 = static_cast<uint32_t>(Number(header, 16, 4));
  uint64_t packed = Number(header, 20, 4), offset = Number(header, 42, 4);
  entry.size = Number(header, 24, 4);
  RETURN_IF_ERROR(ReadWideSizes(extra, entry.size, packed, offset));
  if ((flags & kEncrypted) != 0) return Unsupported("holds '", name, "' encrypted");
  if (method != kStored && method != kDeflated) return Unsupported("holds '", name, "' packed by method ", method);
  entry.deflated = method == kDeflated;
  const auto local = Slice(archive, offset, kLocalBytes);
  if (!local || !local->starts_with(kLocal)) return Damaged(StrCat("'", name, "' is not where the directory says"));
  const uint64_t start = offset + kLocalBytes + Number(*local, 26, 2) + Number(*local, 28, 2);
  const auto data = Slice(archive, start, packed);
  if (!data) return Damaged(StrCat("'", name, "' ends after the end of the file"));
  if (!entry.deflated && packed != entry.size) return Damaged(StrCat("'", name, "' has two sizes"));
  entry.data = *data;
  return entry;
}

uint32_t AddCrc32(uint32_t crc, std::string_view bytes) {
  return crc32_gzip_refl(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

Status CheckCrc(const ZipEntry& entry, uint32_t crc) {
  return crc == entry.crc32 ? OkStatus() : Damaged(StrCat("the checksum of '", entry.name, "' is wrong"));
}

}  // namespace

bool IsZip(std::string_view bytes) { return bytes.starts_with(kLocal); }

StatusOr<std::vector<ZipEntry>> ListZip(std::string_view archive) {
  ASSIGN_OR_RETURN(const Directory directory, FindDirectory(archive));
  if (directory.entries > kMaxEntries) return ResourceExhausted("holds more than ", kMaxEntries, " files");
  const auto found = Slice(archive, directory.offset, directory.bytes);
  if (!found) return Damaged("its directory is cut off");
  std::string_view rest = *found;
  std::vector<ZipEntry> entries;
  std::set<std::string> names;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (rest.size() < kEntryBytes || !rest.starts_with(kEntry)) return Damaged("its directory is cut off");
    const uint64_t name_bytes = Number(rest, 28, 2), extra_bytes = Number(rest, 30, 2), comment = Number(rest, 32, 2);
    const auto name = Slice(rest, kEntryBytes, name_bytes), extra = Slice(rest, kEntryBytes + name_bytes, extra_bytes);
    if (!name || !extra) return Damaged("its directory is cut off");
    ASSIGN_OR_RETURN(ZipEntry entry, ReadEntry(archive, rest, *name, *extra));
    if (!names.insert(entry.name).second) return InvalidArgument("holds '", entry.name, "' twice");
    entries.push_back(std::move(entry));
    rest.remove_prefix(std::min<uint64_t>(rest.size(), kEntryBytes + name_bytes + extra_bytes + comment));
  }
  return entries;
}

Status CheckStored(const ZipEntry& entry, const MappedFile* owner) {
  uint32_t crc = 0;
  for (size_t at = 0; at < entry.data.size(); at += kChunk) {
    const std::string_view chunk = entry.data.substr(at, kChunk);
    crc = AddCrc32(crc, chunk);
    if (owner != nullptr) owner->Release(chunk);
  }
  return CheckCrc(entry, crc);
}

StatusOr<std::string> Unpack(const ZipEntry& entry, uint64_t most, const MappedFile* owner) {
  if (entry.size > most || (entry.size > kSmall && entry.size / kMostExpansion > entry.data.size())) {
    return ResourceExhausted("holds '", entry.name, "', which unpacks from ", entry.data.size(), " to ", entry.size,
                             " bytes: too much to be what it says");
  }
  if (!entry.deflated) {
    RETURN_IF_ERROR(CheckStored(entry, owner));
    return std::string(entry.data);
  }
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return ResourceExhausted("zlib has no memory");
  std::string out;
  out.reserve(entry.size + kChunk);  // which does not pass what `data` can unpack to
  std::string_view in = entry.data, chunk;
  int state = Z_OK;
  while (state == Z_OK && out.size() <= entry.size) {
    if (stream.avail_in == 0) {
      if (owner != nullptr) owner->Release(chunk);
      chunk = in.substr(0, kChunk);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(chunk.data()));
      stream.avail_in = static_cast<uInt>(chunk.size());
      in.remove_prefix(chunk.size());
    }
    const size_t before = out.size();
    out.resize(before + kChunk);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(kChunk);
    state = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END || out.size() != entry.size) return Damaged(StrCat("'", entry.name, "' does not unpack"));
  RETURN_IF_ERROR(CheckCrc(entry, AddCrc32(0, out)));
  return out;
}

}  // namespace permafrost
