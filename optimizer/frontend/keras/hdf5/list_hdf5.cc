#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <set>

#include "optimizer/frontend/keras/hdf5/listing.h"
#include "optimizer/ir/shape.h"

namespace permafrost::keras {
namespace {

constexpr int kMaxDepth = 200;  // of groups
constexpr size_t kMaxObjects = 1 << 20;
constexpr size_t kMaxName = 4096;
constexpr uint64_t kMaxAttributeBytes = uint64_t{256} << 20;
constexpr int kMaxRank = 32;
// Deflate makes at most this much of a byte: a dataset that claims more does not come from this file.
constexpr int64_t kMostExpansion = 1032;

// A handle of the library's, closed at the end.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  hid_t get() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

Status Damaged(std::string_view path, std::string_view what) {
  return DataLoss("is a damaged HDF5 file: ", what, " of '", path, "' cannot be read");
}

struct Lister {
  std::string_view file;
  Hdf5Listing listing;
  std::set<haddr_t> groups_seen;
  int64_t bytes_read = 0;
  uint64_t attribute_bytes = 0;

  Status ListGroup(hid_t group, const std::string& path, int depth);
  Status ListAttributes(hid_t group, ListedGroup& listed);
  Status ListAttribute(hid_t group, const std::string& path, hsize_t index, ListedGroup& listed);
  Status ListDataset(hid_t dataset, const std::string& path);
  Status ReadElements(hid_t dataset, hid_t memory_type, int64_t byte_size, ListedDataset& listed);
};

// The strings of an attribute of variable length, freed by the library that made them.
StatusOr<std::vector<std::string>> ReadVariableStrings(hid_t attribute, hid_t type, hid_t space, size_t count) {
  std::vector<char*> pointers(count, nullptr);
  const Handle memory(H5Tcopy(type), H5Tclose);
  if (H5Aread(attribute, memory.get(), pointers.data()) < 0) return Damaged("", "an attribute");
  std::vector<std::string> values;
  for (const char* pointer : pointers) values.emplace_back(pointer == nullptr ? "" : pointer);
  H5Dvlen_reclaim(memory.get(), space, H5P_DEFAULT, pointers.data());
  return values;
}

StatusOr<std::vector<std::string>> ReadFixedStrings(hid_t attribute, hid_t type, size_t size, size_t count) {
  std::string bytes(size * count, '\0');
  if (H5Aread(attribute, type, bytes.data()) < 0) return Damaged("", "an attribute");
  std::vector<std::string> values;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view value = std::string_view(bytes).substr(i * size, size);
    values.emplace_back(value.substr(0, value.find('\0')));
  }
  return values;
}

Status Lister::ListAttribute(hid_t group, const std::string& path, hsize_t index, ListedGroup& listed) {
  const Handle attribute(H5Aopen_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  if (!attribute.ok()) return Damaged(path, "an attribute");
  const ssize_t length = H5Aget_name(attribute.get(), 0, nullptr);
  if (length < 0 || static_cast<size_t>(length) > kMaxName) return Damaged(path, "an attribute's name");
  std::string name(static_cast<size_t>(length) + 1, '\0');
  H5Aget_name(attribute.get(), name.size(), name.data());
  name.pop_back();

  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  if (!type.ok() || !space.ok()) return Damaged(path, "an attribute's type");
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  if (count == 0) {  // an empty list has no type to speak of
    listed.attributes.emplace_back(std::move(name), std::vector<std::string>());
    return OkStatus();
  }
  if (H5Tget_class(type.get()) != H5T_STRING) return OkStatus();
  const bool variable = H5Tis_variable_str(type.get()) > 0;
  const uint64_t size = variable ? sizeof(char*) : H5Tget_size(type.get());
  if (count < 0 || size == 0 || size > kMaxAttributeBytes || static_cast<uint64_t>(count) > kMaxAttributeBytes / size) {
    return Damaged(path, "an attribute");
  }
  attribute_bytes += size * static_cast<uint64_t>(count);
  if (attribute_bytes > kMaxAttributeBytes) {
    return ResourceExhausted("has more than ", kMaxAttributeBytes, " bytes of attributes");
  }
  auto values = variable ? ReadVariableStrings(attribute.get(), type.get(), space.get(), static_cast<size_t>(count))
                         : ReadFixedStrings(attribute.get(), type.get(), size, static_cast<size_t>(count));
  if (!values.ok()) return Damaged(path, StrCat("attribute '", name, "'"));
  listed.attributes.emplace_back(std::move(name), *std::move(values));
  return OkStatus();
}

Status Lister::ListAttributes(hid_t group, ListedGroup& listed) {
  H5O_info_t info;
  if (H5Oget_info(group, &info) < 0 || info.num_attrs > kMaxObjects) return Damaged(listed.path, "the attributes");
  for (hsize_t i = 0; i < info.num_attrs; ++i) RETURN_IF_ERROR(ListAttribute(group, listed.path, i, listed));
  return OkStatus();
}

// The library's type for elements as they are to lie in memory, and ours.
struct ElementType {
  DType dtype = DType::kInvalid;
  hid_t memory = -1;
};

ElementType FloatType(hid_t type) {
  switch (H5Tget_size(type)) {
    case 4: return {DType::kFloat32, H5T_IEEE_F32LE};
    case 8: return {DType::kFloat64, H5T_IEEE_F64LE};
    case 2: break;
    default: return {};
  }
  size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
  if (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0) return {};
  if (H5Tget_order(type) != H5T_ORDER_LE) return {};
  if (exponent_bits == 5 && mantissa_bits == 10) return {DType::kHalf, type};
  if (exponent_bits == 8 && mantissa_bits == 7) return {DType::kBFloat16, type};
  return {};
}

ElementType IntegerType(hid_t type) {
  const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
  switch (H5Tget_size(type)) {
    case 1: return is_signed ? ElementType{DType::kInt8, H5T_STD_I8LE} : ElementType{DType::kUint8, H5T_STD_U8LE};
    case 2: return is_signed ? ElementType{DType::kInt16, H5T_STD_I16LE} : ElementType{DType::kUint16, H5T_STD_U16LE};
    case 4: return is_signed ? ElementType{DType::kInt32, H5T_STD_I32LE} : ElementType{DType::kUint32, H5T_STD_U32LE};
    case 8: return is_signed ? ElementType{DType::kInt64, H5T_STD_I64LE} : ElementType{DType::kUint64, H5T_STD_U64LE};
    default: return {};
  }
}

ElementType TypeOf(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_FLOAT: return FloatType(type);
    case H5T_INTEGER: return IntegerType(type);
    case H5T_ENUM: return H5Tget_size(type) == 1 ? ElementType{DType::kBool, type} : ElementType{};  // h5py's bool
    default: return {};
  }
}

Status Lister::ReadElements(hid_t dataset, hid_t memory_type, int64_t byte_size, ListedDataset& listed) {
  bytes_read += byte_size;
  if (bytes_read / kMostExpansion > static_cast<int64_t>(file.size())) {
    return ResourceExhausted("dataset '", listed.path, "' unpacks to ", byte_size, " bytes, more than a file of ",
                             file.size(), " bytes can hold");
  }
  listed.bytes.resize(static_cast<size_t>(byte_size));
  if (byte_size > 0 && H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, listed.bytes.data()) < 0) {
    return Damaged(listed.path, "the elements");
  }
  return OkStatus();
}

Status Lister::ListDataset(hid_t dataset, const std::string& path) {
  ListedDataset listed{.path = path, .dtype = DType::kInvalid, .dims = {}, .offset = -1, .bytes = {}};
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  if (!type.ok() || !space.ok() || !creation.ok()) return Damaged(path, "the header");
  if (H5Pget_external_count(creation.get()) > 0) {
    return InvalidArgument("dataset '", path, "' keeps its elements in another file, which is not followed");
  }
  const ElementType element = TypeOf(type.get());
  if (element.dtype == DType::kInvalid) return OkStatus();  // no weight; a layer that wants it will miss it
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank < 0 || rank > kMaxRank) return Damaged(path, "the shape");
  std::vector<hsize_t> dims(static_cast<size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr) < 0) return Damaged(path, "the shape");
  for (const hsize_t dim : dims) listed.dims.push_back(dim > INT64_MAX ? -1 : static_cast<int64_t>(dim));
  const int64_t elements = CheckedElements(listed.dims);
  if (elements < 0 || elements > INT64_MAX / 8) return Damaged(path, "the shape");
  listed.dtype = element.dtype;
  const H5D_layout_t layout = H5Pget_layout(creation.get());
  if (layout == H5D_VIRTUAL) {
    return InvalidArgument("dataset '", path, "' is put together from other files, which is not followed");
  }
  const haddr_t offset = layout == H5D_CONTIGUOUS ? H5Dget_offset(dataset) : HADDR_UNDEF;
  if (offset != HADDR_UNDEF && offset <= INT64_MAX && H5Tequal(type.get(), element.memory) > 0) {
    listed.offset = static_cast<int64_t>(offset);
  } else {
    RETURN_IF_ERROR(ReadElements(dataset, element.memory, elements * SizeOf(element.dtype), listed));
  }
  listing.datasets.push_back(std::move(listed));
  return OkStatus();
}

// What only training goes on with.
bool IsLeftOver(std::string_view path) {
  return path == "optimizer_weights" || path == "optimizer" || path == "_optimizer" || path == "metrics";
}

Status Lister::ListGroup(hid_t group, const std::string& path, int depth) {
  if (depth > kMaxDepth) return InvalidArgument("its groups are nested more than ", kMaxDepth, " deep");
  H5O_info_t info;
  if (H5Oget_info(group, &info) < 0) return Damaged(path, "the header");
  if (!groups_seen.insert(info.addr).second) {
    return InvalidArgument("its links go in circles: group '", path, "' has another name already");
  }
  ListedGroup listed{path, {}};
  RETURN_IF_ERROR(ListAttributes(group, listed));
  listing.groups.push_back(std::move(listed));
  H5G_info_t contents;
  if (H5Gget_info(group, &contents) < 0) return Damaged(path, "the contents");
  for (hsize_t i = 0; i < contents.nlinks; ++i) {
    if (listing.groups.size() + listing.datasets.size() > kMaxObjects) {
      return ResourceExhausted("holds more than ", kMaxObjects, " groups and datasets");
    }
    const ssize_t length =
        H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    if (length <= 0 || static_cast<size_t>(length) > kMaxName) return Damaged(path, "a name");
    std::string name(static_cast<size_t>(length) + 1, '\0');
    H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size(), H5P_DEFAULT);
    name.pop_back();
    const std::string inner = path.empty() ? name : path + "/" + name;
    if (IsLeftOver(inner)) continue;
    H5L_info_t link;
    if (H5Lget_info_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, &link, H5P_DEFAULT) < 0) {
      return Damaged(inner, "the link");
    }
    if (link.type != H5L_TYPE_HARD) {
      return InvalidArgument("'", inner, "' is a link to ", link.type == H5L_TYPE_SOFT ? "another place" : "another file",
                             ", which Keras does not write and is not followed");
    }
    const Handle object(H5Oopen_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT), H5Oclose);
    if (!object.ok()) return Damaged(inner, "the header");
    const H5I_type_t kind = H5Iget_type(object.get());
    if (kind == H5I_GROUP) RETURN_IF_ERROR(ListGroup(object.get(), inner, depth + 1));
    if (kind == H5I_DATASET) RETURN_IF_ERROR(ListDataset(object.get(), inner));
  }
  return OkStatus();
}

}  // namespace

StatusOr<Hdf5Listing> ListHdf5(std::string_view file) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLset_loading_state(0);  // no code from folders that the environment names
  // The library only reads: it takes a pointer to bytes it may write because it can also be told to.
  const Handle opened(H5LTopen_file_image(const_cast<char*>(file.data()), file.size(),
                                          H5LT_FILE_IMAGE_DONT_COPY | H5LT_FILE_IMAGE_DONT_RELEASE),
                      H5Fclose);
  if (!opened.ok()) return DataLoss("is a damaged HDF5 file: its header cannot be read");
  const Handle creation(H5Fget_create_plist(opened.get()), H5Pclose);
  hsize_t user_block = 0;
  if (!creation.ok() || H5Pget_userblock(creation.get(), &user_block) < 0 || user_block != 0) {
    return InvalidArgument("is an HDF5 file with ", user_block, " bytes before its header, which Keras does not write");
  }
  const Handle root(H5Gopen2(opened.get(), "/", H5P_DEFAULT), H5Gclose);
  if (!root.ok()) return Damaged("/", "the group");
  Lister lister{.file = file, .listing = {}, .groups_seen = {}};
  RETURN_IF_ERROR(lister.ListGroup(root.get(), "", 0));
  return std::move(lister.listing);
}

}  // namespace permafrost::keras
