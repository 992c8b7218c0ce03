#pragma once

#include <gtest/gtest.h>
#include <hdf5.h>

#include <string>
#include <string_view>
#include <vector>

namespace permafrost {

// Writes an HDF5 file. Paths are absolute: "/model_weights/dense"; groups on the way are made.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::string& path) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    file_ = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(file_, 0) << path;
    make_groups_ = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(make_groups_, 1);
  }
  ~Hdf5Writer() {
    H5Pclose(make_groups_);
    H5Fclose(file_);
  }
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  hid_t file() const { return file_; }

  void Group(const std::string& path) {
    const hid_t group = H5Gcreate2(file_, path.c_str(), make_groups_, H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(group, 0) << path;
    H5Gclose(group);
  }

  void Attribute(const std::string& group, const std::string& name, const std::string& value) {
    const hid_t space = H5Screate(H5S_SCALAR);
    WriteStrings(group, name, space, {value});
  }
  void ListAttribute(const std::string& group, const std::string& name, const std::vector<std::string>& values) {
    const hsize_t count = values.size();
    WriteStrings(group, name, H5Screate_simple(1, &count, nullptr), values);
  }

  // `chunk` > 0: in compressed chunks of so many along the first axis.
  void Dataset(const std::string& path, const std::vector<hsize_t>& dims, const std::vector<float>& values,
               hid_t stored_as = H5T_IEEE_F32LE, hsize_t chunk = 0) {
    const hid_t space = H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (chunk > 0) {
      std::vector<hsize_t> chunks = dims;
      chunks[0] = chunk;
      H5Pset_chunk(creation, static_cast<int>(chunks.size()), chunks.data());
      H5Pset_deflate(creation, 6);
    }
    const hid_t dataset = H5Dcreate2(file_, path.c_str(), stored_as, space, make_groups_, creation, H5P_DEFAULT);
    EXPECT_GE(dataset, 0) << path;
    if (!values.empty()) H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
  }

 private:
  void WriteStrings(const std::string& group, const std::string& name, hid_t space,
                    const std::vector<std::string>& values) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    const hid_t object = H5Oopen(file_, group.c_str(), H5P_DEFAULT);
    const hid_t attribute = H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(attribute, 0) << group << " " << name;
    std::vector<const char*> pointers;
    for (const std::string& value : values) pointers.push_back(value.c_str());
    if (!values.empty()) H5Awrite(attribute, type, pointers.data());
    H5Aclose(attribute);
    H5Oclose(object);
    H5Tclose(type);
    H5Sclose(space);
  }

  hid_t file_ = -1;
  hid_t make_groups_ = -1;
};

}  // namespace permafrost
