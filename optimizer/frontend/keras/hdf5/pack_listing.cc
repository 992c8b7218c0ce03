#include <cstring>

#include "optimizer/frontend/keras/hdf5/listing.h"

namespace permafrost::keras {
namespace {

constexpr uint64_t kMaxRank = 32;

void Put(uint64_t number, std::string& out) { out.append(reinterpret_cast<const char*>(&number), sizeof(number)); }
void Put(std::string_view text, std::string& out) {
  Put(static_cast<uint64_t>(text.size()), out);
  out.append(text);
}

// Reads what Put wrote; after the first piece that does not fit everything is zero and empty, and ok is false.
struct Reader {
  std::string_view rest;
  bool ok = true;

  std::string_view Take(uint64_t count) {
    if (!ok || count > rest.size()) {
      ok = false;
      return {};
    }
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }
  uint64_t Number() {
    uint64_t number = 0;
    const std::string_view bytes = Take(sizeof(number));
    if (ok) std::memcpy(&number, bytes.data(), sizeof(number));
    return number;
  }
  std::string Text() { return std::string(Take(Number())); }
  // A count of things that take at least eight bytes each.
  uint64_t Count() {
    const uint64_t count = Number();
    if (count > rest.size() / sizeof(uint64_t)) ok = false;
    return ok ? count : 0;
  }
};

}  // namespace

std::string Pack(Hdf5Listing listing) {
  std::string out;
  size_t bytes = 0;
  for (const ListedDataset& dataset : listing.datasets) bytes += dataset.bytes.size();
  constexpr size_t kRest = size_t{1} << 20;
  out.reserve(bytes + kRest);
  Put(listing.groups.size(), out);
  for (const ListedGroup& group : listing.groups) {
    Put(group.path, out);
    Put(group.attributes.size(), out);
    for (const auto& [name, values] : group.attributes) {
      Put(name, out);
      Put(values.size(), out);
      for (const std::string& value : values) Put(value, out);
    }
  }
  Put(listing.datasets.size(), out);
  for (ListedDataset& dataset : listing.datasets) {
    Put(dataset.path, out);
    Put(static_cast<uint64_t>(dataset.dtype), out);
    Put(dataset.dims.size(), out);
    for (const int64_t dim : dataset.dims) Put(static_cast<uint64_t>(dim), out);
    Put(static_cast<uint64_t>(dataset.offset), out);
    Put(dataset.bytes, out);
    std::string().swap(dataset.bytes);
  }
  return out;
}

StatusOr<Hdf5Listing> Unpack(std::string_view packed) {
  Reader reader{packed};
  Hdf5Listing listing;
  listing.groups.resize(reader.Count());
  for (ListedGroup& group : listing.groups) {
    group.path = reader.Text();
    group.attributes.resize(reader.Count());
    for (auto& [name, values] : group.attributes) {
      name = reader.Text();
      values.resize(reader.Count());
      for (std::string& value : values) value = reader.Text();
    }
  }
  listing.datasets.resize(reader.Count());
  for (ListedDataset& dataset : listing.datasets) {
    dataset.path = reader.Text();
    const auto dtype = DTypeFromProto(static_cast<int64_t>(reader.Number() & 0xff));
    const uint64_t rank = reader.Count();
    if (!dtype || rank > kMaxRank) reader.ok = false;
    if (!reader.ok) break;
    dataset.dtype = *dtype;
    dataset.dims.resize(rank);
    for (int64_t& dim : dataset.dims) dim = static_cast<int64_t>(reader.Number());
    dataset.offset = static_cast<int64_t>(reader.Number());
    dataset.bytes = reader.Text();
  }
  if (!reader.ok) return DataLoss("is a damaged HDF5 file: reading it gave an answer that does not hold together");
  return listing;
}

}  // namespace permafrost::keras
