#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace permafrost {

// A file to be put into a zip archive, and lies about it.
struct ZippedFile {
  std::string name;
  std::string bytes;
  bool deflate = false;
  uint32_t claimed_size = 0;  // unpacked; 0: the truth
  uint32_t crc_error = 0;
  uint16_t flags = 0;
  uint32_t offset_error = 0;
};

inline void PutNumber(std::string& out, uint64_t number, int width) {
  for (int i = 0; i < width; ++i) out += static_cast<char>(number >> (8 * i));
}

inline std::string Deflated(const std::string& bytes) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string ZipOf(const std::vector<ZippedFile>& files) {
  std::string out, directory;
  for (const ZippedFile& file : files) {
    const std::string data = file.deflate ? Deflated(file.bytes) : file.bytes;
    const auto crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(file.bytes.data()), static_cast<uInt>(file.bytes.size())));
    const uint64_t offset = out.size() + file.offset_error;
    std::string facts;  // what both headers say
    PutNumber(facts, file.flags, 2);
    PutNumber(facts, file.deflate ? 8 : 0, 2);
    PutNumber(facts, 0, 4);  // time
    PutNumber(facts, crc + file.crc_error, 4);
    PutNumber(facts, data.size(), 4);
    PutNumber(facts, file.claimed_size != 0 ? file.claimed_size : file.bytes.size(), 4);
    PutNumber(facts, file.name.size(), 2);
    PutNumber(facts, 0, 2);  // extra field
    out += "PK\x03\x04";
    PutNumber(out, 20, 2);
    out += facts + file.name + data;
    directory += "PK\x01\x02";
    PutNumber(directory, 20, 2);
    PutNumber(directory, 20, 2);
    directory += facts;
    PutNumber(directory, 0, 10);  // comment, disk, attributes
    PutNumber(directory, offset, 4);
    directory += file.name;
  }
  const uint64_t start = out.size();
  out += directory;
  out += "PK\x05\x06";
  PutNumber(out, 0, 4);
  PutNumber(out, files.size(), 2);
  PutNumber(out, files.size(), 2);
  PutNumber(out, directory.size(), 4);
  PutNumber(out, start, 4);
  PutNumber(out, 0, 2);
  return out;
}

}  // namespace permafrost
